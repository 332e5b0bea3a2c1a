// The networks on the GPU compute what Diffusers computes, in float32 and in float16.
#include <cmath>
#include <doctest/doctest.h>
#include <stdexcept>

#include "mlx/device.h"

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/device.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "kernels/numbers.h"
#include "unet/support.h"

using namespace corepulse;

namespace {

/** The golden case with the numbers a float16 run would see. */
mx::array call(const test::Case& c, const unet::UNet& unet, mx::Dtype dtype) {
  const test::PlainControl control;
  attention::RunCache cache;
  std::vector<mx::array> texts;
  for (const auto& text : c.texts) texts.push_back(mx::astype(text, dtype));
  return mx::astype(unet(mx::astype(c.x, dtype), {control, c.step, texts, cache}, c.added), mx::float32);
}

/** A convolution's picture that its bias and a row are still to be added to. */
kernels::Sum waiting(const kernels::Parts& parts) {
  const kernels::Sum convolution(kernels::Term{
      .make = [](const kernels::Addends&) -> mx::array { throw std::logic_error("a norm reads what it is made of"); },
      .bare = [=] { return parts.x; },
      .bias = parts.bias,
      .takes_row = true});
  return convolution + kernels::Row{*parts.row};
}

}  // namespace

TEST_CASE("the default device is a GPU, or a CPU rehearses Metal's way") {
  CHECK((mx::default_device() == mx::Device::gpu || kernels::rehearses_metal()));
}

TEST_CASE("group_norm's kernels equal the formula at every shape and type, and repeat their bits") {
  for (const auto& shape :
       {mx::Shape{2, 64, 64, 320}, {1, 8, 8, 1280}, {3, 5, 7, 32}, {2, 1, 1, 64}, {1, 16, 16, 2560}, {2, 33, 640}}) {
    for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
      CAPTURE(to_string(shape));
      CAPTURE(static_cast<int>(dtype.val()));
      const int channels = shape.back();
      const auto x = mx::astype(normal(shape, 1, 2, 30), dtype);
      const auto weight = normal({channels}, 2), bias = normal({channels}, 3);
      for (const bool silu : {false, true}) {
        const auto y = kernels::group_norm(x, weight, bias, 32, 1e-5f, silu);
        const auto exact = kernels::group_norm_reference(mx::astype(x, mx::float32), weight, bias, 32, 1e-5f, silu);
        const double bound = dtype == mx::float32 ? 2e-5 : dtype == mx::float16 ? 1e-3 : 8e-3;
        CHECK(error(mx::astype(y, mx::float32), exact) <= bound);
        CHECK(same_bits(mx::astype(y, mx::float32),
                        mx::astype(kernels::group_norm(x, weight, bias, 32, 1e-5f, silu), mx::float32)));
      }
    }
  }
}

TEST_CASE("group_norm takes in what a convolution has left to be added") {
  for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
    CAPTURE(static_cast<int>(dtype.val()));
    const auto x = mx::astype(normal({2, 9, 7, 320}, 1), dtype), row = mx::astype(normal({2, 320}, 4, 2), dtype);
    const auto weight = normal({320}, 2), bias = normal({320}, 3), channel = mx::astype(normal({320}, 5, 2), dtype);
    const auto wide = [](const mx::array& a) { return mx::astype(a, mx::float32); };
    const auto sum = wide(x) + mx::reshape(wide(row), {2, 1, 1, 320}) + wide(channel);
    const auto exact = kernels::group_norm_reference(sum, weight, bias, 32, 1e-5f, true);
    const double bound = dtype == mx::float32 ? 2e-5 : dtype == mx::float16 ? 1e-3 : 8e-3;
    CHECK(error(wide(kernels::group_norm(waiting({x, row, channel}), weight, bias, 32, 1e-5f, true)), exact) <= bound);
  }
}

TEST_CASE("group_norm of a picture and a skip has the bits of their concatenation's") {
  for (const auto& [batch, side, width, skip_width] : {std::array{2, 64, 640, 320},
                                                       {1, 9, 32, 64},
                                                       {3, 5, 72, 24},
                                                       {2, 16, 1280, 640},
                                                       {2, 8, 1280, 1280},
                                                       {1, 4, 7, 25}}) {
    for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
      CAPTURE(width);
      CAPTURE(static_cast<int>(dtype.val()));
      const int channels = width + skip_width;
      const auto x = mx::astype(normal({batch, side, side, width}, 1, 2, 3), dtype);
      const auto skip = mx::astype(normal({batch, side, side, skip_width}, 2), dtype);
      const auto weight = normal({channels}, 3), bias = normal({channels}, 4);
      const auto whole = kernels::group_norm(mx::concatenate({x, skip}, -1), weight, bias, 32, 1e-5f, true);
      const auto y = kernels::group_norm(kernels::Beside(x, skip), weight, bias, 32, 1e-5f, true);
      CHECK(same_bits(mx::astype(y, mx::float32), mx::astype(whole, mx::float32)));
    }
  }
}

TEST_CASE("layer_norm's kernel, alone and behind a sum, equals the formula at every width and type") {
  for (const auto& shape : {mx::Shape{2, 64, 320}, {1, 63, 640}, {3, 5, 1280}, {2, 3, 2048}, {1, 1, 64}, {2, 7, 12}}) {
    for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
      CAPTURE(to_string(shape));
      CAPTURE(static_cast<int>(dtype.val()));
      const int channels = shape.back();
      const auto x = mx::astype(normal(shape, 1, 2, 30), dtype), y = mx::astype(normal(shape, 4), dtype);
      const auto weight = normal({channels}, 2), bias = normal({channels}, 3);
      const auto wide = [](const mx::array& a) { return mx::astype(a, mx::float32); };
      const double bound = dtype == mx::float32 ? 2e-5 : dtype == mx::float16 ? 1e-3 : 8e-3;
      CHECK(error(wide(kernels::layer_norm(x, weight, bias, 1e-5f)),
                  kernels::layer_norm_reference(wide(x), weight, bias, 1e-5f)) <= bound);
      const kernels::Term term{.make = [&](const kernels::Addends& a) { return a.residual ? *a.residual + y : y; }};
      const auto sum = x + kernels::Sum(term), ahead = x + kernels::Sum(term);
      const auto norm = kernels::layer_norm(sum, weight, bias, 1e-5f);
      CHECK(same_bits(wide(sum), wide(x + y)));
      CHECK(error(wide(norm), kernels::layer_norm_reference(wide(sum), weight, bias, 1e-5f)) <= bound);

      // The same before a product whose bias the sum takes along.
      const auto number = [&](const mx::Shape& s, int seed) {
        return mx::astype(normal(s, seed) * mx::array(0.1f), dtype);
      };
      const kernels::Linear first(number({2 * channels, channels}, 5), number({2 * channels}, 6));
      const kernels::Linear second(number({channels, channels}, 7), number({channels}, 8));
      CHECK(same_bits(wide(kernels::layer_norm(ahead, weight, bias, 1e-5f, &second)), wide(norm)));
      const auto fed = [&] { return kernels::gated_linear_later(norm, first, second); };
      CHECK(error(wide(ahead + fed()), wide(sum) + wide(fed())) <= 4 * bound);
    }
  }
}

TEST_CASE("geglu's kernel equals the formula at every width and type") {
  for (const auto& shape : {mx::Shape{2, 64, 2560}, {1, 3, 5, 64}, {7, 12}}) {
    for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
      CAPTURE(to_string(shape));
      CAPTURE(static_cast<int>(dtype.val()));
      const auto x = mx::astype(normal(shape, 1, 3), dtype);
      const double bound = dtype == mx::float32 ? 1e-6 : dtype == mx::float16 ? 1e-3 : 8e-3;
      CHECK(error(mx::astype(kernels::geglu(x), mx::float32), kernels::geglu_reference(mx::astype(x, mx::float32))) <=
            bound);
    }
  }
}

TEST_CASE("thin matrices beside a layer of 16 bits equal the formula at every size and rank") {
  struct Sizes {
    int in, out, rank;
  };
  for (const auto& n : {Sizes{320, 320, 32}, {32, 1, 2}, {768, 320, 4}, {1280, 1272, 128}, {64, 40, 18}, {80, 33, 5}}) {
    CAPTURE(n.in);
    CAPTURE(n.rank);
    const auto half = [](const mx::array& a) { return mx::astype(a, mx::float16); };
    const auto weight = half(normal({n.out, n.in}, 1)), up = half(normal({n.out, n.rank}, 2, 0.3f));
    const auto down = half(normal({n.rank, n.in}, 3, 0.3f)), x = half(normal({2, 50, n.in}, 4));
    const auto f32 = [](const mx::array& a) { return mx::astype(a, mx::float32); };
    for (const float strength : {0.f, 0.7f, -2.f}) {
      const auto changed = f32(weight) + mx::array(strength) * mx::matmul(f32(up), f32(down));
      const kernels::Linear layer(kernels::LazyArray::ready(weight), std::nullopt);
      const auto [first, second] = kernels::thin_matrices(down, up);
      const auto y = layer.with({{first, second, half(mx::array({strength}))}}, x);
      CHECK(error(f32(y), mx::matmul(f32(x), mx::transpose(changed))) <= 2e-3);
    }
  }
}

TEST_CASE("attention with heads of 160 equals the formula at every number of queries and keys") {
  struct Sizes {
    int batch, queries, keys, heads, size;
  };
  for (const auto& n : {Sizes{2, 256, 256, 8, 160},
                        {1, 63, 77, 8, 160},
                        {2, 1, 1, 2, 160},
                        {1, 100, 33, 3, 144},
                        {1, 40, 32, 1, 192}}) {
    const int width = n.heads * n.size;
    CAPTURE(n.queries);
    CAPTURE(n.keys);
    // Slices of a wider array, as joined products give them.
    const auto wide = mx::astype(normal({n.batch, n.queries, 2 * width}, 1, 2), mx::float16);
    const auto q = mx::slice(wide, {0, 0, width}, {n.batch, n.queries, 2 * width});
    const auto k = mx::astype(normal({n.batch, n.keys, width}, 2), mx::float16);
    const auto v = mx::astype(normal({n.batch, n.keys, width}, 3), mx::float16);
    const auto half_hidden =
        mx::where(mx::greater(normal({n.batch, n.keys}, 4), mx::array(0.f)), mx::array(0.f), mx::array(-INFINITY));
    for (const float temperature : {1.f, 2.5f}) {
      for (int kind = 0; kind < 3; ++kind) {
        kernels::AttentionOptions options{.heads = n.heads, .scale = 1 / (std::sqrt(float(n.size)) * temperature)};
        if (kind == 1) options.bias = half_hidden;
        if (kind == 2) options.bias = mx::full({n.batch, n.keys}, -INFINITY);  // no key at all: zeros
        const auto f32 = [](const mx::array& a) { return mx::astype(a, mx::float32); };
        CHECK(error(f32(kernels::attention(q, k, v, options)),
                    kernels::attention_reference(f32(q), f32(k), f32(v), options)) <= 2e-3);
      }
    }
  }
}

TEST_CASE("attention with heads of 160 reads slices, aligned or not, as it reads arrays of their own") {
  constexpr int n = 64, width = 320;
  const auto all = mx::astype(normal({2, n, 4 * width}, 1), mx::float16);
  const auto part = [&](int row, int from) { return mx::slice(all, {row, 0, from}, {row + 1, n, from + width}); };
  const auto own = [](const mx::array& x) {
    auto copy = x + like(0, x);
    copy.eval();
    return copy;
  };
  const kernels::AttentionOptions options{.heads = 2, .scale = 0.1f};
  for (const int from : {0, width, 8, 4}) {
    CAPTURE(from);
    const auto q = part(1, from), k = part(0, from + width), v = mx::slice(part(1, from), {0, 0, 0}, {1, n, width});
    const auto expected = kernels::attention(own(q), own(k), own(v), options);
    CHECK(mx::array_equal(kernels::attention(q, k, v, options), expected).item<bool>());
    mx::eval(q, k, v);  // their places are no longer to be seen
    CHECK(mx::array_equal(kernels::attention(q, k, v, options), expected).item<bool>());
  }
}

TEST_CASE("a UNet call equals Diffusers' within 1e-3 in float32 and 2e-2 in float16") {
  for (const std::string family : {"sd1", "sd2", "sd2v", "sdxl", "small"}) {
    const test::Golden golden(family);
    for (const auto dtype : {mx::float32, mx::float16}) {
      const auto unet = test::tiny_unet(family, dtype);
      for (int n = 0; golden.has("unet/" + std::to_string(n) + "/x"); ++n) {
        CAPTURE(family);
        CAPTURE(n);
        const test::Case c(golden, n);
        CHECK(error(call(c, unet, dtype), c.out) <= (dtype == mx::float32 ? 1e-3 : 2e-2));
      }
    }
  }
}
