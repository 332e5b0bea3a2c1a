#include "kernels/cpu/patches.h"

#include <doctest/doctest.h>

#include "kernels/conv2d.h"
#include "kernels/cpu/primitive.h"
#include "kernels/cpu/product.h"
#include "numbers.h"

namespace corepulse {
namespace {

using kernels::ConvGeometry;
using kernels::Padding;

// The way that convolutions take on Arm, on any machine.
mx::array by_patches(const mx::array& x, const mx::array& weight, const mx::array& bias, const ConvGeometry& g,
                     const mx::Shape& result) {
  const auto w = std::make_shared<kernels::ProductWeights>(
      std::make_shared<kernels::PlainWeights>(kernels::LazyArray(weight), bias));
  const kernels::PatchShape shape{x.shape(0), x.shape(1), x.shape(2), x.shape(3), result[1], result[2]};
  return kernels::cpu_op("patches", {x}, result, [=](const kernels::Inputs& in, kernels::Numbers out) {
    kernels::run_patches(shape, g, in[0], w->packed(), out);
  });
}

TEST_CASE("patches times a matrix are the convolution, with any kernel, stride and padding") {
  struct Case {
    int batch, height, width, in, out;
    ConvGeometry geometry;
  };
  for (const auto& c :
       {Case{2, 8, 8, 32, 32, {3, 3, 2, Padding::same(1)}}, Case{1, 9, 8, 17, 5, {3, 3, 2, {0, 1, 0, 1}}},
        Case{2, 8, 6, 4, 40, {3, 3, 1, Padding::same(1)}}, Case{1, 8, 8, 32, 3, {3, 3, 1, Padding::same(1)}},
        Case{2, 6, 5, 24, 16, {1, 1, 1, {}}}, Case{1, 9, 9, 8, 8, {1, 1, 2, {}}}, Case{1, 14, 14, 3, 32, {7, 7, 7, {}}},
        Case{1, 4, 4, 16, 16, {5, 5, 1, {2, 1, 1, 2}}}, Case{3, 40, 40, 384, 8, {3, 3, 1, Padding::same(1)}}}) {
    CAPTURE(c.in);
    CAPTURE(c.out);
    const auto& g = c.geometry;
    const auto x = normal({c.batch, c.height, c.width, c.in}, 1), weight = normal({c.out, g.kh, g.kw, c.in}, 2);
    const auto bias = normal({c.out}, 3);
    const auto expected = kernels::conv2d_reference(x, weight, bias, g.stride, g.padding);
    CHECK(error(by_patches(x, weight, bias, g, expected.shape()), expected) <= 1e-5);
  }
}

}  // namespace
}  // namespace corepulse
