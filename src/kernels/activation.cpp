#include "kernels/activation.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/cpu/primitive.h"
#include "kernels/cpu/simd/activation.h"
#include "kernels/cuda/geglu.h"
#include "kernels/fuse.h"
#include "kernels/parallel.h"

namespace corepulse::kernels {
namespace {

#ifdef COREPULSE_CPU_KERNELS

constexpr int64_t kGrain = 16384;  // elements per unit of work: 64 KiB, some 10 microseconds

mx::array elementwise(const char* name, Activation f, const mx::array& x) {
  const auto n = static_cast<int64_t>(x.size());
  return cpu_op(name, {x}, x.shape(), [f, n](const Inputs& in, Numbers out) {
    parallel_ranges(n, kGrain,
                    [&](int64_t begin, int64_t end) { activate(f, in[0].at(begin), out.at(begin), end - begin); });
  });
}

mx::array fused_geglu(const mx::array& x, mx::Shape shape) {
  const int64_t width = shape.back(), rows = static_cast<int64_t>(x.size()) / (2 * width);
  return cpu_op("geglu", {x}, std::move(shape), [=](const Inputs& in, Numbers out) {
    parallel_ranges(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const auto a = in[0].at(row * 2 * width);
        multiply_gelu(a, a.at(width), out.at(row * width), width);
      }
    });
  });
}

mx::array copy_upsample2x(const mx::array& x) {
  const int64_t h = x.shape(1), w = x.shape(2), c = x.shape(3), rows = x.shape(0) * h;
  return cpu_op("upsample2x", {x}, {x.shape(0), 2 * x.shape(1), 2 * x.shape(2), x.shape(3)},
                [=](const Inputs& in, Numbers out) {
                  const size_t pixel = static_cast<size_t>(c) * out.bytes();
                  parallel_for(rows, [&](int64_t row, int) {
                    const Numbers first = out.at(row * 4 * w * c);
                    for (int64_t i = 0; i < 2 * w; ++i)
                      std::memcpy(first.at(i * c).data(), in[0].at((row * w + i / 2) * c).data(), pixel);
                    std::memcpy(first.at(2 * w * c).data(), first.data(), 2 * static_cast<size_t>(w) * pixel);
                  });
                });
}

mx::array fused_add(const mx::array& x, const mx::array& y) {
  // y's numbers serve `rows` of x's rows of y's last axis each, or x is as large as y.
  const auto n = static_cast<int64_t>(x.size()),
             width = x.size() == y.size() ? std::min(kGrain, n) : int64_t{x.shape(-1)};
  const int64_t pixels = n / static_cast<int64_t>(y.size());
  return cpu_op("add", {x, y}, x.shape(), [=](const Inputs& in, Numbers out) {
    const int64_t rows = (n + width - 1) / width;
    parallel_ranges(rows, std::max<int64_t>(1, kGrain / width), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t at = row * width;
        sum(in[0].at(at), in[1].at(row / pixels * width), out.at(at), std::min(width, n - at));
      }
    });
  });
}

#endif

mx::Shape halved(const mx::array& x) {
  mx::Shape shape = x.shape();
  if (shape.empty() || shape.back() % 2 != 0)
    fail(ErrorCode::internal, "geglu", fmt::format("shape {}; expected an even last axis", to_string(shape)));
  shape.back() /= 2;
  return shape;
}

}  // namespace

mx::array silu(const mx::array& x) {
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) return elementwise("silu", Activation::silu, x);
#endif
  static const Fused fused([](const std::vector<mx::array>& in) { return silu_reference(in[0]); });
  return fused({x});
}

mx::array gelu(const mx::array& x) {
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) return elementwise("gelu", Activation::gelu, x);
#endif
  static const Fused fused([](const std::vector<mx::array>& in) { return gelu_reference(in[0]); });
  return fused({x});
}

mx::array quick_gelu(const mx::array& x) {
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) return elementwise("quick_gelu", Activation::quick_gelu, x);
#endif
  static const Fused fused([](const std::vector<mx::array>& in) { return quick_gelu_reference(in[0]); });
  return fused({x});
}

mx::array geglu(const mx::array& x) {
  auto shape = halved(x);
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) return fused_geglu(x, std::move(shape));
#endif
  if (use_cuda_geglu(x)) return cuda_geglu(x);
  static const Fused fused([](const std::vector<mx::array>& in) { return in[0] * gelu_reference(in[1]); });
  return fused(mx::split(x, 2, -1));
}

mx::array add(const mx::array& x, const mx::array& y) {
#ifdef COREPULSE_CPU_KERNELS
  const bool per_row = y.size() == static_cast<size_t>(x.shape(0)) * x.shape(-1) && y.shape(-1) == x.shape(-1);
  // MLX adds float32 as fast as memory is; bfloat16 one by one.
  if (x.dtype() == mx::bfloat16 && y.dtype() == x.dtype() && use_cpu_kernels(x) && x.size() > 0 &&
      (x.shape() == y.shape() || per_row))
    return fused_add(x, y);
#endif
  return x + y;
}

mx::array upsample2x(const mx::array& x) {
  check_shape(x, {-1, -1, -1, -1}, "upsample2x");
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x)) return copy_upsample2x(x);
#endif
  return upsample2x_reference(x);
}

mx::array silu_reference(const mx::array& x) {
  return x * mx::sigmoid(x);
}

mx::array gelu_reference(const mx::array& x) {
  const auto phi = like(0.5f, x) * (like(1.0f, x) + mx::erf(x * like(std::sqrt(0.5f), x)));
  return x * phi;
}

mx::array quick_gelu_reference(const mx::array& x) {
  return x * mx::sigmoid(like(1.702f, x) * x);
}

mx::array geglu_reference(const mx::array& x) {
  halved(x);
  const auto halves = mx::split(x, 2, -1);
  return halves[0] * gelu_reference(halves[1]);
}

mx::array upsample2x_reference(const mx::array& x) {
  return mx::repeat(mx::repeat(x, 2, 1), 2, 2);
}

}  // namespace corepulse::kernels
