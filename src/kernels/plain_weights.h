#pragma once
// A layer's weight and bias as loaded.

#include <mutex>
#include <optional>
#include <vector>

#include "base/tensor.h"

namespace corepulse::kernels {

/** Held until a packed form replaces them. Thread-safe: pipelines share layers. */
class PlainWeights {
 public:
  PlainWeights(mx::array weight, std::optional<mx::array> bias)
      : has_bias_(bias.has_value()), weight_(std::move(weight)), bias_(std::move(bias)) {}

  bool has_bias() const { return has_bias_; }

  /** [weight], [weight, bias], or [] once dropped. */
  std::vector<mx::array> arrays() const {
    const std::lock_guard lock(mutex_);
    if (!weight_) return {};
    if (!bias_) return {*weight_};
    return {*weight_, *bias_};
  }

 protected:
  void drop() {
    const std::lock_guard lock(mutex_);
    weight_.reset();
    bias_.reset();
  }

 private:
  const bool has_bias_;
  mutable std::mutex mutex_;
  std::optional<mx::array> weight_, bias_;
};

}  // namespace corepulse::kernels
