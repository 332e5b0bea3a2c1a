#include "kernels/linear.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/activation.h"
#include "kernels/cpu/primitive.h"
#include "kernels/device.h"
#ifdef COREPULSE_CPU_KERNELS
#include "kernels/amx/product.h"
#include "kernels/cpu/onednn.h"
#include "kernels/cpu/product.h"
#endif

namespace corepulse::kernels {

#ifdef COREPULSE_CPU_KERNELS
/** On AMX's tiles where it fits; else float32 by the own product, bfloat16 by oneDNN's. */
struct Linear::Packed {
  Packed(const LazyArray& weight, const std::optional<mx::array>& bias) {
    const int out = weight.shape(0), in = weight.shape(1);
    if (tile_product_fits(weight))
      tiles.emplace(weight, bias, out, in);
    else if (weight.dtype() == mx::bfloat16)
      onednn.emplace(weight, bias,
                     dnnl::memory::desc({out, in}, onednn_type(weight.dtype()), dnnl::memory::format_tag::ab));
    else
      product.emplace(weight, bias, out, in);
  }
  const PlainWeights& weights() const {
    if (tiles) return *tiles;
    return product ? static_cast<const PlainWeights&>(*product) : *onednn;
  }
  bool has_bias() const { return weights().has_bias(); }
  std::vector<mx::array> arrays() const { return weights().arrays(); }

  std::optional<ProductWeights> product;
  std::optional<TileWeights> tiles;
  std::optional<OnednnWeights> onednn;
};
#else
struct Linear::Packed : PlainWeights {
  using PlainWeights::PlainWeights;
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
std::vector<mx::array> inputs_of(const mx::array& x, const std::optional<mx::array>& added) {
  return added ? std::vector{x, *added} : std::vector{x};
}

// y or x of bfloat16 holds float32 numbers that are split.
void run_on_tiles(TileProduct p, ConstNumbers x, ConstNumbers added, Numbers y) {
  p.width = p.w.in;
  p.x = x, p.added = added, p.y = y;
  run_tile_product(p);
}

ConstNumbers added_of(const Inputs& in) {
  return in.size() > 1 ? in[1] : ConstNumbers();
}
#endif

}  // namespace

Linear::Linear(LazyArray weight, std::optional<mx::array> bias) : in_(0), out_(0) {
  if (weight.shape().size() != 2)
    fail(ErrorCode::internal, "linear", fmt::format("weight {}; expected [out, in]", to_string(weight.shape())));
  if (bias) check_shape(*bias, {weight.shape(0)}, "linear");
  out_ = weight.shape(0);
  in_ = weight.shape(1);
  packed_ = std::make_shared<Packed>(std::move(weight), std::move(bias));
}

#ifdef COREPULSE_CPU_KERNELS
mx::array Linear::onednn(const mx::array& x, mx::Shape shape) const {
  const int64_t rows = static_cast<int64_t>(x.size()) / in_;
  return cpu_op("linear", {x}, std::move(shape), [packed = packed_, rows](const Inputs& in, Numbers out) {
    packed->onednn->run(in[0], out, {rows}, [&](const dnnl::memory::desc& weights) {
      return describe_product(rows, packed->has_bias(), weights);
    });
  });
}
#endif

mx::array Linear::operator()(const mx::array& x, const std::optional<mx::array>& added) const {
  auto shape = result_shape(x, in_, out_, added);
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x) && packed_->tiles && x.dtype() == packed_->tiles->dtype())
    return cpu_op("linear", inputs_of(x, added), std::move(shape),
                  [packed = packed_, rows = static_cast<int64_t>(x.size()) / in_](const Inputs& in, Numbers out) {
                    run_on_tiles({.w = packed->tiles->packed(), .rows = rows}, in[0], added_of(in), out);
                  });
  if (use_cpu_kernels(x) && packed_->onednn) {
    const auto y = onednn(x, std::move(shape));
    return added ? kernels::add(y, *added) : y;
  }
  if (use_cpu_kernels(x) && packed_->product && x.dtype() == mx::float32)
    return cpu_op("linear", inputs_of(x, added), std::move(shape),
                  [packed = packed_, rows = static_cast<int64_t>(x.size()) / in_](const Inputs& in, Numbers out) {
                    run_product(in[0], rows, packed->product->packed(), added_of(in), out);
                  });
#endif
  const auto arrays = packed_->arrays();
  if (arrays.empty())
    fail(ErrorCode::internal, "linear", "weights are packed for the CPU; expected x of their type there");
  const auto y = linear_reference(x, arrays[0], packed_->has_bias() ? std::optional(arrays[1]) : std::nullopt);
  return added ? y + *added : y;
}

mx::array Linear::operator()(const Beside& beside) const {
#ifdef COREPULSE_CPU_KERNELS
  if (!beside.skip()) return (*this)(beside.x());
  const auto &x = beside.x(), &skip = *beside.skip();
  const int64_t width = x.shape(-1), ends = skip.shape(-1);
  const bool tiles = packed_->tiles && x.dtype() == packed_->tiles->dtype() && width % 32 == 0 && ends % 32 == 0;
  const bool product = packed_->product && x.dtype() == mx::float32;
  if (use_cpu_kernels(x) && (tiles || product) && skip.dtype() == x.dtype() && x.size() > 0 && skip.size() > 0) {
    auto shape = x.shape();
    shape.back() = in_ - x.shape(-1);
    check_shape(skip, shape, "linear");
    shape.back() = out_;
    return cpu_op(
        "linear", {x, skip}, std::move(shape),
        [packed = packed_, rows = static_cast<int64_t>(x.size()) / width, ends](const Inputs& in, Numbers out) {
          if (packed->product) return run_product(in[0], rows, packed->product->packed(), nullptr, out, {in[1], ends});
          run_on_tiles({.w = packed->tiles->packed(), .rows = rows, .ends = in[1], .ends_width = ends}, in[0], {}, out);
        });
  }
#endif
  return (*this)(beside.whole());
}

Sum Linear::later(const mx::array& x) const {
  result_shape(x, in_, out_, {});
  return Sum(Term{.make = [*this, x](const Addends& added) { return (*this)(x, added.residual); }});
}

std::optional<mx::array> Linear::bias() const {
  const auto arrays = packed_->arrays();
  return arrays.size() > 1 ? std::optional(arrays[1]) : std::nullopt;
}

#ifndef COREPULSE_CPU_KERNELS
const JoinedLinear::Whole& JoinedLinear::whole() const {
  std::call_once(whole_->once, [&] {
    std::vector<mx::array> weights, biases;
    for (const auto& part : parts_) {
      const auto arrays = part.packed_->arrays();
      weights.push_back(arrays.at(0));
      if (arrays.size() > 1) biases.push_back(arrays[1]);
    }
    whole_->weight = LazyArray::ready(mx::concatenate(weights, 0));
    if (!biases.empty()) whole_->bias = LazyArray::ready(mx::concatenate(biases, 0));
    int row = 0;
    for (const auto& part : parts_) {
      auto rows = mx::slice(*whole_->weight, {row, 0}, {row + part.out(), part.in()});
      rows.eval();
      part.packed_->replace_weight(std::move(rows));
      row += part.out();
    }
  });
  return *whole_;
}
#endif

std::vector<mx::array> JoinedLinear::operator()(const mx::array& x) const {
#ifndef COREPULSE_CPU_KERNELS
  if (on_cuda()) {
    const auto all = linear_reference(x, *whole().weight, whole().bias);
    auto from = mx::Shape(all.ndim(), 0);
    auto to = all.shape();
    std::vector<mx::array> results;
    for (const auto& part : parts_) {
      to.back() = from.back() + part.out();
      results.push_back(mx::slice(all, from, to));  // which our kernels read in place, unlike a split
      from.back() = to.back();
    }
    return results;
  }
#endif
  std::vector<mx::array> results;
  for (const auto& part : parts_) results.push_back(part(x));
  return results;
}

Sum gated_linear_later(const mx::array& x, const Linear& first, const Linear& second) {
  result_shape(x, first.in(), first.out(), {});
  return Sum(
      Term{.make = [=](const Addends& added) { return gated_linear(x, first, second, added); }, .id = second.id()});
}

mx::array gated_linear(const mx::array& x, const Linear& first, const Linear& second, const Addends& addends) {
  const auto& added = addends.residual;
#ifdef COREPULSE_CPU_KERNELS
  const bool own = first.packed_->product && second.packed_->product && x.dtype() == mx::float32 && use_cpu_kernels(x);
  if (own && first.out() == 2 * second.in() && second.in() % product_block() == 0) {
    result_shape(x, first.in(), first.out(), {});
    auto shape = result_shape(x, first.in(), second.out(), added);
    return cpu_op("gated linear", inputs_of(x, added), std::move(shape),
                  [w1 = first.packed_, w2 = second.packed_, rows = static_cast<int64_t>(x.size()) / first.in()](
                      const Inputs& in, Numbers out) {
                    run_gated_product(in[0], rows, w1->product->packed(), w2->product->packed(), added_of(in), out);
                  });
  }
  const auto on_tiles = [&](const Linear& layer) {
    return layer.packed_->tiles && layer.packed_->tiles->dtype() == x.dtype();
  };
  if (use_cpu_kernels(x) && on_tiles(first) && on_tiles(second) && first.out() == 2 * second.in()) {
    const int64_t rows = static_cast<int64_t>(x.size()) / first.in();
    const auto wide = cpu_op("gated linear", {x}, result_shape(x, first.in(), second.in(), {}),
                             [packed = first.packed_, rows](const Inputs& in, Numbers out) {
                               run_on_tiles({.w = packed->tiles->packed(), .rows = rows, .gated = true}, in[0], {},
                                            static_cast<BFloat16*>(out.data()));
                             });
    return cpu_op("linear", inputs_of(wide, added), result_shape(x, first.in(), second.out(), added),
                  [packed = second.packed_, rows](const Inputs& in, Numbers out) {
                    run_on_tiles({.w = packed->tiles->packed(), .rows = rows},
                                 static_cast<const BFloat16*>(in[0].data()), added_of(in), out);
                  });
  }
#else
  if (on_cuda() && added) {
    const auto bias = addends.biased ? std::nullopt : second.bias();
    return mx::addmm(bias ? *added + *bias : *added, geglu(first(x)), mx::transpose(second.packed_->arrays()[0]));
  }
#endif
  return second(geglu(first(x)), added);
}

mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  return bias ? mx::addmm(*bias, x, mx::transpose(weight)) : mx::matmul(x, mx::transpose(weight));
}

}  // namespace corepulse::kernels
