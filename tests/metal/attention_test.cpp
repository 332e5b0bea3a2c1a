// Attention arranged for MLX's Metal backend: padded heads and few logits at a time change no number.
#include "kernels/attention.h"

#include <cmath>
#include <doctest/doctest.h>

#include "kernels/metal/attention.h"
#include "kernels/numbers.h"

using namespace corepulse;
using kernels::fused_head_size;

namespace {

double bound(mx::Dtype dtype) {
  return dtype == mx::float32 ? 1e-5 : dtype == mx::float16 ? 2e-3 : 2e-2;
}

mx::array wide(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

}  // namespace

TEST_CASE("heads are filled up to the next size that is fused, none above 128, none for few queries") {
  CHECK(fused_head_size(40, 4096) == 64);
  CHECK(fused_head_size(64, 4096) == 64);
  CHECK(fused_head_size(65, 4096) == 72);
  CHECK(fused_head_size(80, 1024) == 80);
  CHECK(fused_head_size(88, 1024) == 96);
  CHECK(fused_head_size(112, 1024) == 128);
  CHECK(fused_head_size(160, 256) == 160);
  CHECK(fused_head_size(512, 4096) == 512);
  CHECK(fused_head_size(40, 8) == 40);
}

TEST_CASE("attention with heads of 40, 80, 160 and 512 equals the formula, with masks and with rows that see nothing") {
  for (const int size : {40, 80, 160, 512}) {
    for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
      CAPTURE(size);
      CAPTURE(static_cast<int>(dtype.val()));
      const int heads = 2, width = heads * size;
      const auto q = mx::astype(normal({2, 33, width}, 1), dtype), k = mx::astype(normal({2, 20, width}, 2), dtype);
      const auto v = mx::astype(normal({2, 20, width}, 3), dtype);
      const auto hidden =
          mx::where(mx::greater(normal({2, 20}, 4), mx::array(0.f)), mx::array(0.f), mx::array(-INFINITY));
      for (int kind = 0; kind < 4; ++kind) {
        CAPTURE(kind);
        kernels::AttentionOptions options{.heads = heads, .scale = 1 / std::sqrt(float(size))};
        if (kind == 1) options.bias = hidden;
        if (kind == 2) options.bias = mx::full({2, 20}, -INFINITY);  // no key at all: zeros
        if (kind == 3) options.causal = true;
        const auto y = kernels::attention(q, k, v, options);
        CHECK(y.dtype() == dtype);
        const auto exact = kernels::attention_reference(wide(q), wide(k), wide(v), options);
        if (kind == 2)
          CHECK(same_bits(wide(y), mx::zeros_like(exact)));
        else
          CHECK(error(wide(y), exact) <= bound(dtype));
      }
    }
  }
}

TEST_CASE("few logits at a time give what all of them give, with a mask for each query and with one for all") {
  const auto q = normal({2, 3, 50, 160}, 1), k = normal({2, 3, 31, 160}, 2), v = normal({2, 3, 31, 160}, 3);
  const auto each = normal({2, 1, 50, 31}, 4), all = normal({2, 1, 1, 31}, 5);
  for (const auto& mask : {std::optional<mx::array>(), std::optional(each), std::optional(all)}) {
    const auto whole = kernels::metal_attention(q, k, v, 0.1f, mask);
    for (const size_t most : {size_t{1}, size_t{2000}, size_t{2 * 3 * 31 * 49}}) {
      CAPTURE(most);
      CHECK(error(kernels::metal_attention(q, k, v, 0.1f, mask, most), whole) <= 1e-6);
    }
  }
}
