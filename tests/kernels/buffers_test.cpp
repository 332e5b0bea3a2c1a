// The CPU's packed layers touch nothing beside their buffers.
#include <doctest/doctest.h>

#include "drawn.h"
#include "guarded.h"
#include "kernels/cpu/product.h"
#include "kernels/cpu/winograd.h"

namespace corepulse {
namespace {

std::shared_ptr<kernels::PlainWeights> plain(const mx::array& weight, const mx::array& bias) {
  return std::make_shared<kernels::PlainWeights>(weight, bias);
}

TEST_CASE("linear and gated linear touch nothing beside their buffers") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const DrawnGated d(50 * seed + 1);
    const int rows = d.x.shape(0), in = d.x.shape(1), wide = d.w1.shape(0), inner = d.w2.shape(1), out = d.w2.shape(0);
    Guarded x(floats(d.x)), w1(floats(d.w1)), b1(floats(d.b1)), w2(floats(d.w2)), b2(floats(d.b2));
    Guarded added(floats(d.added)), y(std::vector<float>(rows * static_cast<size_t>(wide + out)));
    kernels::ProductWeights first(plain(w1.array({wide, in}), b1.array({wide})));
    kernels::ProductWeights second(plain(w2.array({out, inner}), b2.array({out})));
    const auto p1 = first.packed(), p2 = second.packed();
    float* const last = y.data() + rows * static_cast<int64_t>(wide);
    kernels::run_product(x.data(), rows, p1, nullptr, y.data());
    CHECK(error(Doubles(y.data(), last), doubles(kernels::linear_reference(d.x, d.w1, d.b1))) <= 1e-5);
    if (inner % kernels::product_block() != 0) continue;
    kernels::run_gated_product(x.data(), rows, p1, p2, added.data(), last);
    CHECK(error(Doubles(last, last + d.added.size()), doubles(d.expected())) <= 1e-5);
  }
}

TEST_CASE("a 3x3 convolution touches nothing beside its buffers") {
  for (unsigned seed = 0; seed < 6; ++seed) {
    const DrawnConv d(7 * seed);
    const auto expected = d.expected();
    Guarded x(floats(d.x)), weight(floats(d.weight)), bias(floats(d.bias)), row(floats(d.per_row));
    Guarded picture(floats(d.picture)), out(std::vector<float>(expected.size()));
    kernels::WinogradWeights weights(plain(weight.array(d.weight.shape()), bias.array(d.bias.shape())));
    const kernels::WinogradShape shape{d.batch,           d.x.shape(1),      d.x.shape(2),      d.in,
                                       expected.shape(1), expected.shape(2), expected.shape(3), d.padding.top,
                                       d.padding.left};
    weights.run(shape, x.data(), {nullptr, row.data(), picture.data()}, out.data());
    CHECK(error(Doubles(out.data(), out.data() + expected.size()), doubles(expected)) <= 1e-5);
  }
}

}  // namespace
}  // namespace corepulse
