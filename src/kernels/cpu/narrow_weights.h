#pragma once
// Packed weights in the fewest bits that are exact, or in the 8 that were asked for.

#include <optional>

#include "kernels/cpu/narrow.h"
#include "kernels/memory.h"

namespace corepulse::kernels {

/** Owns what Narrow points to. */
class NarrowWeights {
 public:
  /**
   * @param plain [out, n] numbers; @param size of the packing, in numbers.
   * @param pack pack(to, convert) fills it with convert(output, number) of the plain numbers.
   */
  template <class Pack>
  void fill(const float* plain, int64_t out, int64_t n, bool int8, size_t size, Pack pack) {
    if (int8) {
      scales_ = int8_scales(plain, out, n);
      integers_.emplace(size);
      pack(integers_->data(), [this](int64_t o, float x) { return to_int8(x, scales_[static_cast<size_t>(o)]); });
    } else if (are_halves(plain, out * n)) {
      halves_.emplace(size);
      pack(halves_->data(), [](int64_t, float x) { return to_half(x); });
    } else {
      floats_.emplace(size);
      pack(floats_->data(), [](int64_t, float x) { return x; });
    }
  }

  bool empty() const { return !floats_ && !halves_ && !integers_; }
  Narrow numbers() const {
    return {floats_ ? floats_->data() : nullptr, halves_ ? halves_->data() : nullptr,
            integers_ ? integers_->data() : nullptr};
  }
  /** Null unless integers. */
  const float* scales() const { return integers_ ? scales_.data() : nullptr; }

 private:
  std::optional<Aligned<float>> floats_;
  std::optional<Aligned<Half>> halves_;
  std::optional<Aligned<int8_t>> integers_;
  std::vector<float> scales_;
};

}  // namespace corepulse::kernels
