#pragma once
// What one model computes of a pass: its texts, its networks, and what watches its layers.

#include <string>
#include <vector>

#include "corepulse/request.h"

#include "pipeline/capture/heat_maps.h"
#include "pipeline/capture/recorder.h"
#include "pipeline/denoise.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/weights/networks.h"

namespace corepulse::pipeline {

/** The model that ends a run. */
struct Refining {
  LoadedModel model;
  std::string fingerprint;
};

class ModelRun {
 public:
  /**
   * @param prepared its part of the pass. @param fingerprint of the model, for recordings. @param before the model that
   * it goes on for, whose heat maps are its own, too. The references must outlive this.
   */
  ModelRun(const LoadedModel& model, Prepared& prepared, const std::string& fingerprint, ModelRun* before = nullptr);
  ModelRun(const ModelRun&) = delete;
  ModelRun& operator=(const ModelRun&) = delete;

  /** The texts that are not encoded yet, as far as the model's own text encoders are asked. */
  void encode();
  /** The prepared run has other controls from this step on. */
  void edited(int step);
  /** From this step on the regions that are made while the run goes on are what has been looked at up to now. */
  void look_again(int step);
  /** What was watched goes into the result; of models one after the other the first has all heat maps. */
  void keep_watched(Result& result);

  /** What denoise() is told of it. @param one_by_one see Run. */
  Run run(mx::Dtype dtype, bool one_by_one);

 private:
  attention::Instruments instruments();
  control::LiveMasks seen() const;
  /** x [B, h, w, 4] as step `step` made it, mixed as the program says. */
  mx::array blended(int step, const mx::array& x) const;

  const LoadedModel& model_;
  Prepared& prepared_;
  RecordedShape shape_;
  HeatMaps heat_maps_;
  Recorder recorder_;
  std::vector<EncodedText> texts_;
  Networks networks_;
  PromptKeys pictures_;
  bool goes_on_;
};

}  // namespace corepulse::pipeline
