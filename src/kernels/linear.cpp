#include "kernels/linear.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/device.h"
#include "kernels/plain_weights.h"
#include "kernels/primitive.h"
#ifdef COREPULSE_CPU_KERNELS
#include "kernels/onednn.h"
#endif

namespace corepulse::kernels {

#ifdef COREPULSE_CPU_KERNELS
struct Linear::Packed : OnednnWeights {
  Packed(const mx::array& weight, std::optional<mx::array> bias)
      : OnednnWeights(weight, std::move(bias),
                      float32_memory({weight.shape(0), weight.shape(1)}, dnnl::memory::format_tag::ab)) {}
};
#else
struct Linear::Packed : PlainWeights {
  using PlainWeights::PlainWeights;
};
#endif

Linear::Linear(mx::array weight, std::optional<mx::array> bias) : in_(0), out_(0) {
  check_shape(weight, {-1, -1}, "linear");
  if (bias) check_shape(*bias, {weight.shape(0)}, "linear");
  out_ = weight.shape(0);
  in_ = weight.shape(1);
  packed_ = std::make_shared<Packed>(std::move(weight), std::move(bias));
}

mx::array Linear::operator()(const mx::array& x) const {
  if (x.ndim() < 1 || x.shape(-1) != in_)
    fail(ErrorCode::internal, "linear", fmt::format("shape {}; expected [..., {}]", to_string(x.shape()), in_));
  auto arrays = packed_->arrays();
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) {
    auto shape = x.shape();
    shape.back() = out_;
    arrays.insert(arrays.begin(), x);
    const int64_t rows = static_cast<int64_t>(x.size()) / in_;
    return cpu_op("linear", std::move(arrays), std::move(shape),
                  [packed = packed_, rows](const std::vector<const float*>& in, float* out) {
                    packed->run(in[0], out, {in.begin() + 1, in.end()}, {rows}, [&](const dnnl::memory::desc& weights) {
                      return describe_product(rows, packed->has_bias(), weights);
                    });
                  });
  }
#endif
  if (arrays.empty())
    fail(ErrorCode::internal, "linear", "weights are packed for float32 on the CPU; expected float32 x there");
  return linear_reference(x, arrays[0], packed_->has_bias() ? std::optional(arrays[1]) : std::nullopt);
}

mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  return bias ? mx::addmm(*bias, x, mx::transpose(weight)) : mx::matmul(x, mx::transpose(weight));
}

}  // namespace corepulse::kernels
