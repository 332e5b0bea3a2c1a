#pragma once
// The picture that a blurred call sees (control::BlurredCall).

#include <map>
#include <vector>

#include "attention/instruments.h"
#include "control/plan.h"
#include "sampler/sampler.h"

namespace corepulse::pipeline {

/** How much tokens are looked at, as layers of a call tell it: for every layer and image the sums of its map's columns,
 * in the mean of its heads. */
class Looks : public attention::Looks {
 public:
  void tell(const control::Site& site, const control::Row& row, mx::array looked_at) override {
    told_.insert_or_assign({site.index, row.image}, std::move(looked_at));
  }
  /** The mean over the layers, [N]. */
  mx::array mean(const std::vector<bool>& sites, int image) const;

 private:
  std::map<std::pair<int, int>, mx::array> told_;
};

/**
 * x with the estimate that `output` makes of it blurred where it is looked at most; the noise that the output means
 * stays as it is. Of blurred.images: x and output [n, h, w, C].
 */
mx::array blurred_input(const control::BlurredCall& blurred, const Looks& looks, const sampler::Training& training,
                        const mx::array& x, const mx::array& output, double sigma);

}  // namespace corepulse::pipeline
