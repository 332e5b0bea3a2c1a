#pragma once
// A layer's weight and bias as given: there, or to be read when they are first needed.

#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "base/tensor.h"
#include "kernels/device.h"
#include "kernels/number.h"

namespace corepulse::kernels {

/**
 * An array that is read when it is first needed, so that a model's weights are never held twice: as stored and as
 * packed. A plain array converts to it.
 */
class LazyArray {
 public:
  LazyArray(const mx::array& array)
      : shape_(array.shape()), dtype_(array.dtype()), read_([a = ready(array)] { return a; }) {}
  /**
   * read: gives the evaluated array of that shape and type; called once, on any thread.
   * int8: a layer that can keeps it in 8-bit integers with one scale for each output.
   */
  LazyArray(mx::Shape shape, mx::Dtype dtype, std::function<mx::array()> read, bool int8 = false)
      : shape_(std::move(shape)), dtype_(dtype), read_(std::move(read)), int8_(int8) {}

  const mx::Shape& shape() const { return shape_; }
  int shape(int axis) const { return shape_.at(axis); }
  mx::Dtype dtype() const { return dtype_; }
  bool int8() const { return int8_; }
  mx::array get() const { return read_(); }

  /** Of a shape but without numbers, for a layer that is only built: no operation may see it. */
  static mx::array placeholder(mx::Shape shape) { return mx::array(std::move(shape), mx::float32, nullptr, {}); }

  /** Evaluated and row-contiguous: what another thread may read. */
  static mx::array ready(const mx::array& array) {
    if (array.status() == mx::array::Status::unscheduled && !array.has_primitive()) return array;  // a placeholder
    auto result = mx::contiguous(array);
    result.eval();
    return result;
  }

 private:
  mx::Shape shape_;
  mx::Dtype dtype_;
  std::function<mx::array()> read_;
  bool int8_ = false;
};

/** Of an evaluated array of either type. */
inline ConstNumbers numbers_of(const mx::array& x) {
  if (x.dtype() == mx::bfloat16) return reinterpret_cast<const BFloat16*>(x.data<uint16_t>());
  return x.data<float>();
}

/** Held until a packed form replaces them. Thread-safe: pipelines share layers. */
class PlainWeights {
 public:
  PlainWeights(LazyArray weight, const std::optional<mx::array>& bias)
      : shape_(weight.shape()),
        dtype_(weight.dtype()),
        has_bias_(bias.has_value()),
        int8_(weight.int8()),
        later_(std::move(weight)) {
    // oneDNN adds a float32 bias to sums of either type; MLX's operations would make their results float32.
    const bool widen = bias && bias->dtype() == mx::bfloat16 && !on_metal();
    if (bias) bias_ = LazyArray::ready(widen ? mx::astype(*bias, mx::float32) : *bias);
  }

  const mx::Shape& shape() const { return shape_; }  ///< The weight's, as is dtype.
  int shape(int axis) const { return shape_.at(axis); }
  mx::Dtype dtype() const { return dtype_; }
  bool has_bias() const { return has_bias_; }
  bool int8() const { return int8_; }  ///< See LazyArray.

  /** [weight], [weight, bias], or [] once dropped. */
  std::vector<mx::array> arrays() const {
    const std::lock_guard lock(mutex_);
    if (later_) {
      weight_ = later_->get();
      later_.reset();
    }
    if (!weight_) return {};
    if (!bias_) return {*weight_};
    return {*weight_, *bias_};
  }

  /** Another array of the same numbers takes the weight's place. */
  void replace_weight(mx::array same) {
    const std::lock_guard lock(mutex_);
    weight_ = std::move(same);
  }

  /** Once they are packed. */
  void drop() {
    const std::lock_guard lock(mutex_);
    later_.reset();
    weight_.reset();
    bias_.reset();
  }

 private:
  const mx::Shape shape_;
  const mx::Dtype dtype_;
  const bool has_bias_, int8_;
  mutable std::mutex mutex_;
  mutable std::optional<LazyArray> later_;   // until it is read
  mutable std::optional<mx::array> weight_;  // from then on
  std::optional<mx::array> bias_;
};

}  // namespace corepulse::kernels
