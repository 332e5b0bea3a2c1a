#pragma once
// One pass of a run: what stands ready before its first step, and what is known after its last.

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/request.h"

#include "pipeline/denoise.h"
#include "pipeline/init/latents.h"
#include "pipeline/live_edits.h"
#include "pipeline/model_run.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/probes.h"
#include "sampler/noise/noise.h"
#include "vae/tiny_decoder.h"

namespace corepulse::pipeline {

/** Seconds, lap by lap. */
class Clock {
 public:
  /** Seconds since the last call. */
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

/** What all passes of a run share. */
struct Setting {
  const LoadedModel& loaded;
  const model::Model& model;
  const Outline& outline;
  mx::Dtype dtype;
  const std::string& fingerprint;
  const Request& request;
  bool one_by_one = true;                     ///< See Run.
  const Refining* refiner = nullptr;          ///< Ends the last pass, where one does.
  std::optional<vae::TinyDecoder> tiny = {};  ///< Draws previews.
};

/** A pass of a run: the first, or the one that it has beside it. */
struct Place {
  int pass = 1, passes = 1;
};

class Pass {
 public:
  /**
   * Its texts are encoded, its beginning drawn. The arguments must outlive it.
   * @param live null: it takes no edits. @param result gets what becomes known. @throws as generate.
   */
  Pass(const Setting& setting, Prepared& prepared, StartFrom from, LiveEdits* live, Place place, Result& result);
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  const Run& run() const { return *run_; }
  int images() const { return first_->shape(0); }
  const mx::array& first() const { return *first_; }  ///< x at the first step's sigma.
  Result& result() const { return result_; }

  /** What its sampler draws on its way. */
  sampler::NoiseFunction fresh_noise() const;
  /** Its request hears of step i, and edits are taken. @param denoised of its images. @return false: stop. */
  bool after_step(int i, double sigma, double seconds, const mx::array& denoised);
  /** What was watched goes into the result. */
  void keep_watched();

 private:
  void way_back(StartFrom& from);
  void encode();
  /** Edits that were given hold from this step on, and live regions become what has been looked at. */
  void take(int step);

  const Setting& setting_;
  Prepared& prepared_;
  LiveEdits* live_;
  Place place_;
  Result& result_;
  std::optional<Way> way_;
  ModelRun own_;
  std::optional<ModelRun> refined_;
  Probes probes_;
  sampler::BatchNoise noise_;
  GuidanceMemory memory_;
  std::optional<mx::array> first_;
  std::optional<Run> run_, later_;
};

/** Takes passes of the same steps, side by side, to their final latents [B, h, w, 4]: by pass. */
std::vector<mx::array> draw(const std::vector<std::unique_ptr<Pass>>& passes);

}  // namespace corepulse::pipeline
