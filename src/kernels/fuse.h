#pragma once
// Elementwise formulas as one GPU kernel each.

#include <functional>
#include <vector>

#include "base/tensor.h"

namespace corepulse::kernels {

/**
 * A formula of elementwise operations, computed in one pass over memory on a GPU (mx::compile makes the kernel at its
 * first use). On the CPU MLX would start a C++ compiler for that, so there the operations run one by one.
 *
 *   static const Fused f([](const std::vector<mx::array>& in) { return in[0] * mx::sigmoid(in[0]); });
 *   return f({x});
 */
class Fused {
 public:
  using Formula = std::function<mx::array(const std::vector<mx::array>&)>;
  explicit Fused(Formula formula);
  mx::array operator()(const std::vector<mx::array>& in) const;

 private:
  using Compiled = std::function<std::vector<mx::array>(const std::vector<mx::array>&)>;
  Formula formula_;
  Compiled compiled_;
};

}  // namespace corepulse::kernels
