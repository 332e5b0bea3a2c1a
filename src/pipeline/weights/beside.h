#pragma once
// What regional changes put beside the UNet's weights: products of their files' matrices, read once for a run.

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "control/plan.h"
#include "control/program/timeline.h"
#include "model/model.h"
#include "nn/branches.h"
#include "pipeline/weights/adapter_files.h"

namespace corepulse::pipeline {

class Beside {
 public:
  /**
   * For rows with these changes, of which only those with a region are looked at. On the engine's thread. @param call
   * what is changed for all rows of the call: of a file held times its strength, those strengths alone are kept.
   */
  nn::Branches of(const control::WeightChanges& changes, const std::vector<control::WeightChanges>& call,
                  const AdapterFiles& files, const model::Parts& parts);

 private:
  struct Kept {
    control::WeightChange change;
    std::shared_ptr<nn::LayerBranches> layers;
    bool scaled;  ///< Times the strength: what the file adds is not proportional to it, or it is not known to be.
  };
  const Kept& kept(const control::WeightChange& change, const std::vector<control::WeightChanges>& call,
                   const AdapterFiles& files, const model::Parts& parts);
  std::list<Kept> kept_;  // the last used first
};

/** The most bytes that a run's regional changes take beside the weights. @param held what is held for this control is
 * not counted again; null: nothing is. */
uint64_t beside_bytes(const control::Timeline& control, const AdapterFiles& files, const model::Parts& parts,
                      model::Precision precision, const control::Timeline* held = nullptr);

}  // namespace corepulse::pipeline
