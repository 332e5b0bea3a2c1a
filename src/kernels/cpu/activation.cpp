#include "kernels/cpu/simd/activation.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/primitive.h"
#include "kernels/device.h"
#include "kernels/parallel.h"

namespace corepulse::kernels::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements per unit of work: 64 KiB, some 10 microseconds

std::optional<mx::array> elementwise(const char* name, Activation f, const mx::array& x) {
  if (!use_cpu_kernels(x)) return {};
  const auto n = static_cast<int64_t>(x.size());
  return cpu_op(name, {x}, x.shape(), [f, n](const Inputs& in, Numbers out) {
    parallel_ranges(n, kGrain,
                    [&](int64_t begin, int64_t end) { activate(f, in[0].at(begin), out.at(begin), end - begin); });
  });
}

}  // namespace

std::optional<mx::array> silu(const mx::array& x) {
  return elementwise("silu", Activation::silu, x);
}

std::optional<mx::array> gelu(const mx::array& x) {
  return elementwise("gelu", Activation::gelu, x);
}

std::optional<mx::array> quick_gelu(const mx::array& x) {
  return elementwise("quick_gelu", Activation::quick_gelu, x);
}

std::optional<mx::array> geglu(const mx::array& x) {
  if (!use_cpu_kernels(x)) return {};
  auto shape = x.shape();
  shape.back() /= 2;
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

std::optional<mx::array> upsample2x(const mx::array& x) {
  if (!use_cpu_kernels(x)) return {};
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

std::optional<mx::array> add(const mx::array& x, const mx::array& y) {
  const bool per_row = y.size() == static_cast<size_t>(x.shape(0)) * x.shape(-1) && y.shape(-1) == x.shape(-1);
  // MLX adds float32 as fast as memory is; bfloat16 one by one.
  if (x.dtype() != mx::bfloat16 || y.dtype() != x.dtype() || !use_cpu_kernels(x) || x.size() == 0 ||
      (x.shape() != y.shape() && !per_row))
    return {};
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

}  // namespace corepulse::kernels::cpu
