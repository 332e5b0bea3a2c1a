#pragma once
// y = x W^T + b.

#include <memory>
#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/** A matrix ready to be multiplied with: on the CPU it is repacked at first use and the plain copy is dropped. */
class Linear {
 public:
  /** weight [out, in], bias [out]; evaluated arrays of one dtype. */
  Linear(mx::array weight, std::optional<mx::array> bias);
  mx::array operator()(const mx::array& x) const;  // [..., in] -> [..., out]
  int in() const { return in_; }
  int out() const { return out_; }

 private:
  struct Packed;
  std::shared_ptr<Packed> packed_;
  int in_, out_;
};

/** The plain formula, MLX ops only: what tests compare with and other devices run. */
mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias);

}  // namespace corepulse::kernels
