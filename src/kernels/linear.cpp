#include "kernels/linear.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/activation.h"
#include "kernels/device.h"
#include "kernels/plain_weights.h"
#include "kernels/primitive.h"
#ifdef COREPULSE_CPU_KERNELS
#include "kernels/product.h"
#endif

namespace corepulse::kernels {

#ifdef COREPULSE_CPU_KERNELS
struct Linear::Packed : ProductWeights {
  using ProductWeights::ProductWeights;
};
#else
struct Linear::Packed : PlainWeights {
  Packed(mx::array weight, std::optional<mx::array> bias, int, int)
      : PlainWeights(std::move(weight), std::move(bias)) {}
};
#endif

namespace {

/** [..., in] -> [..., out]; throws Error{internal} if x or what is added does not fit. */
mx::Shape result_shape(const mx::array& x, int in, int out, const std::optional<mx::array>& added) {
  auto shape = x.shape();
  if (shape.empty() || shape.back() != in)
    fail(ErrorCode::internal, "linear", fmt::format("shape {}; expected [..., {}]", to_string(shape), in));
  shape.back() = out;
  if (added) check_shape(*added, shape, "linear");
  return shape;
}

#ifdef COREPULSE_CPU_KERNELS

using Pointers = std::vector<const float*>;

/** The inputs of an op: x, what is added, the plain arrays of the weights; and where in them each begins. */
struct Inputs {
  Inputs(const mx::array& x, const std::optional<mx::array>& added) : arrays{x}, has_added(added.has_value()) {
    if (added) arrays.push_back(*added);
  }
  /** Where the plain arrays begin that it adds. */
  ptrdiff_t add(const std::vector<mx::array>& plain) {
    arrays.insert(arrays.end(), plain.begin(), plain.end());
    return static_cast<ptrdiff_t>(arrays.size() - plain.size());
  }
  std::vector<mx::array> arrays;
  bool has_added;
};

#endif

}  // namespace

Linear::Linear(mx::array weight, std::optional<mx::array> bias) : in_(0), out_(0) {
  check_shape(weight, {-1, -1}, "linear");
  if (bias) check_shape(*bias, {weight.shape(0)}, "linear");
  out_ = weight.shape(0);
  in_ = weight.shape(1);
  packed_ = std::make_shared<Packed>(std::move(weight), std::move(bias), out_, in_);
}

mx::array Linear::operator()(const mx::array& x, const std::optional<mx::array>& added) const {
  auto shape = result_shape(x, in_, out_, added);
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) {
    Inputs inputs(x, added);
    const auto plain = inputs.add(packed_->arrays());
    return cpu_op("linear", std::move(inputs.arrays), std::move(shape),
                  [packed = packed_, plain, has_added = inputs.has_added, rows = static_cast<int64_t>(x.size()) / in_](
                      const Pointers& in, float* out) {
                    run_product(in[0], rows, packed->packed({in.begin() + plain, in.end()}),
                                has_added ? in[1] : nullptr, out);
                  });
  }
#endif
  const auto arrays = packed_->arrays();
  if (arrays.empty())
    fail(ErrorCode::internal, "linear", "weights are packed for float32 on the CPU; expected float32 x there");
  const auto y = linear_reference(x, arrays[0], packed_->has_bias() ? std::optional(arrays[1]) : std::nullopt);
  return added ? y + *added : y;
}

mx::array gated_linear(const mx::array& x, const Linear& first, const Linear& second,
                       const std::optional<mx::array>& added) {
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x) && first.out() == 2 * second.in() && second.in() % product_block() == 0) {
    result_shape(x, first.in(), first.out(), {});
    auto shape = result_shape(x, first.in(), second.out(), added);
    Inputs inputs(x, added);
    const auto plain_1 = inputs.add(first.packed_->arrays()), plain_2 = inputs.add(second.packed_->arrays());
    return cpu_op("gated linear", std::move(inputs.arrays), std::move(shape),
                  [w1 = first.packed_, w2 = second.packed_, plain_1, plain_2, has_added = inputs.has_added,
                   rows = static_cast<int64_t>(x.size()) / first.in()](const Pointers& in, float* out) {
                    const auto packed_1 = w1->packed({in.begin() + plain_1, in.begin() + plain_2});
                    const auto packed_2 = w2->packed({in.begin() + plain_2, in.end()});
                    run_gated_product(in[0], rows, packed_1, packed_2, has_added ? in[1] : nullptr, out);
                  });
  }
#endif
  return second(geglu(first(x)), added);
}

mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  return bias ? mx::addmm(*bias, x, mx::transpose(weight)) : mx::matmul(x, mx::transpose(weight));
}

}  // namespace corepulse::kernels
