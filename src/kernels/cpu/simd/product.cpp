// Compiled once per instruction set.
#include "kernels/cpu/simd/product.h"

#include <algorithm>

#include "kernels/cpu/simd/targets.h"
#include "kernels/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/product.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/simd/math-inl.h"
#include "kernels/cpu/simd/multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

int64_t ProductBlock() {
  return kBlock;
}

// Numbers of a row that the thin matrices make.
int64_t thin_width(std::span<const PackedThin> all) {
  int64_t width = 0;
  for (const auto& thin : all) width += round_up(thin.down.out, kBlock);
  return width;
}

int64_t ThinWorkspace(int64_t rows, std::span<const PackedThin> all) {
  return rows * thin_width(all);
}

// Weights [at, at + n) of the packed ones as float32: themselves, or in `wide`.
const float* weights_at(const PackedMatrix& w, int64_t at, int64_t n, float* HWY_RESTRICT wide) {
  if (w.weights.floats) return w.weights.floats + at;
  const Floats f;
  w.weights.visit([&](auto* from) HWY_ATTR {
    for (int64_t i = 0; i < n; i += kLanes) hn::Store(load(f, from + at + i), f, wide + i);
  });
  return wide;
}

// sums [rows][kBlock] of one block, or what is added to them.
void block_sums(const float* x, int64_t stride, int64_t rows, const PackedMatrix& w, int64_t block, float* sums,
                float* wide, bool begin = true) {
  for (int64_t first = 0; first < w.in; first += kDepth) {
    const int64_t depth = std::min(kDepth, w.in - first);
    const float* const weights = weights_at(w, (block * w.in + first) * kBlock, depth * kBlock, wide);
    multiply_rows<2>(x + first, stride, rows, depth, weights, begin && first == 0, sums);
  }
}

void times(float* HWY_RESTRICT numbers, const float* factor) {
  const Floats f;
  for (int64_t v = 0; v < kBlock; v += kLanes)
    hn::Store(hn::Mul(hn::Load(f, numbers + v), hn::LoadU(f, factor + v)), f, numbers + v);
}

// What the thin matrices make of x, times the shares: to `made`.
void make_thin(const float* x, int64_t stride, int64_t rows, const ThinRows& beside, float* HWY_RESTRICT made,
               float* HWY_RESTRICT sums, float* wide) {
  const Floats f;
  const int64_t width = thin_width(beside.all);
  for (const auto& thin : beside.all) {
    for (int64_t block = 0; block * kBlock < thin.down.out; ++block, made += kBlock) {
      block_sums(x, stride, rows, thin.down, block, sums, wide);
      for (int64_t row = 0; row < rows; ++row) {
        const auto share = hn::Set(f, thin.share[(beside.first + row) % thin.pixels]);
        for (int64_t v = 0; v < kBlock; v += kLanes)
          hn::Store(hn::Mul(hn::Load(f, sums + row * kBlock + v), share), f, made + row * width + v);
      }
    }
  }
}

// And what that adds to the sums of a block, which are then no longer to be scaled: the matrix to store them by.
PackedMatrix add_thin(const float* made, int64_t rows, const PackedMatrix& w, const ThinRows& beside, int64_t block,
                      float* sums, float* wide) {
  auto stored = w;
  if (beside.all.empty()) return stored;
  if (w.scales) {
    float scales[kBlock] = {};
    std::copy_n(w.scales + block * kBlock, std::min(kBlock, w.out - block * kBlock), scales);
    for (int64_t row = 0; row < rows; ++row) times(sums + row * kBlock, scales);
    stored.scales = nullptr;
  }
  const int64_t width = thin_width(beside.all);
  for (const auto& thin : beside.all) {
    block_sums(made, width, rows, thin.up, block, sums, wide, false);
    made += round_up(thin.down.out, kBlock);
  }
  return stored;
}

bool has_weights(const PackedMatrix& w) {
  return w.weights.floats || w.weights.halves || w.weights.integers;
}

// sums + bias + added -> y, for a whole block or the first `width` outputs of one.
void store_block(const float* HWY_RESTRICT sums, int64_t rows, const PackedMatrix& w, int64_t block, const float* added,
                 float* y) {
  const Floats f;
  const int64_t first = block * kBlock, width = std::min(kBlock, w.out - first);
  for (int64_t row = 0; row < rows; ++row, sums += kBlock) {
    const int64_t at = row * w.out + first;
    if (width == kBlock) {
      for (int64_t v = 0; v < kBlock; v += kLanes) {
        auto sum = hn::Load(f, sums + v);
        if (w.scales) sum = hn::Mul(sum, hn::LoadU(f, w.scales + first + v));
        if (w.bias) sum = hn::Add(sum, hn::LoadU(f, w.bias + first + v));
        if (added) sum = hn::Add(sum, hn::LoadU(f, added + at + v));
        hn::StoreU(sum, f, y + at + v);
      }
      continue;
    }
    for (int64_t o = 0; o < width; ++o) {
      float sum = w.scales ? sums[o] * w.scales[first + o] : sums[o];
      if (w.bias) sum += w.bias[first + o];
      if (added) sum += added[at + o];
      y[at + o] = sum;
    }
  }
}

void Product(const float* x, int64_t rows, const PackedMatrix& w, int64_t begin, int64_t end, const float* added,
             float* y, float* sums, const ThinRows& thin) {
  float *const wide = sums + rows * kBlock, *const made = wide + kDepth * kBlock;
  make_thin(x, w.in, rows, thin, made, sums, wide);
  for (int64_t block = begin; block < end; ++block) {
    if (has_weights(w))
      block_sums(x, w.in, rows, w, block, sums, wide);
    else
      std::fill_n(sums, rows * kBlock, 0.0f);
    store_block(sums, rows, add_thin(made, rows, w, thin, block, sums, wide), block, added, y);
  }
}

// Floats between the rows of the part in between: a cache line more than they are long, so that the rows that are
// multiplied together do not share a few sets of the cache.
constexpr int64_t inner_stride(int64_t inner) {
  return inner + 16;
}

// to = (a + bias) * gelu(g + bias), a from output `first` of w on, g from the same of its second half.
void gate_block(const float* HWY_RESTRICT a, const float* HWY_RESTRICT g, int64_t rows, const PackedMatrix& w,
                int64_t first, float* HWY_RESTRICT to, int64_t stride) {
  const Floats f;
  const int64_t second = w.out / 2 + first;
  for (int64_t row = 0; row < rows; ++row, a += kBlock, g += kBlock, to += stride) {
    for (int64_t v = 0; v < kBlock; v += kLanes) {
      auto value = hn::Load(f, a + v), gate = hn::Load(f, g + v);
      if (w.scales) {
        value = hn::Mul(value, hn::LoadU(f, w.scales + first + v));
        gate = hn::Mul(gate, hn::LoadU(f, w.scales + second + v));
      }
      if (w.bias) {
        value = hn::Add(value, hn::LoadU(f, w.bias + first + v));
        gate = hn::Add(gate, hn::LoadU(f, w.bias + second + v));
      }
      hn::Store(hn::Mul(value, gelu(f, gate)), f, to + v);
    }
  }
}

void GatedProduct(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                  float* y, float* workspace, const ThinRows& thin1, const ThinRows& thin2) {
  const int64_t inner = w2.in, stride = inner_stride(inner);
  float *const a = workspace, *const g = a + rows * kBlock, *const between = g + rows * kBlock;
  float *const wide = between + rows * stride, *const made = wide + kDepth * kBlock;
  make_thin(x, w1.in, rows, thin1, made, a, wide);
  for (int64_t first = 0; first < inner; first += kBlock) {
    block_sums(x, w1.in, rows, w1, first / kBlock, a, wide);
    block_sums(x, w1.in, rows, w1, (inner + first) / kBlock, g, wide);
    add_thin(made, rows, w1, thin1, first / kBlock, a, wide);
    gate_block(a, g, rows, add_thin(made, rows, w1, thin1, (inner + first) / kBlock, g, wide), first, between + first,
               stride);
  }
  make_thin(between, stride, rows, thin2, made, a, wide);
  for (int64_t block = 0; block * kBlock < w2.out; ++block) {
    block_sums(between, stride, rows, w2, block, a, wide);
    store_block(a, rows, add_thin(made, rows, w2, thin2, block, a, wide), block, added, y);
  }
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(ProductBlock);
HWY_EXPORT(Product);
HWY_EXPORT(GatedProduct);
HWY_EXPORT(ThinWorkspace);

int64_t product_block() {
  return HWY_DYNAMIC_DISPATCH(ProductBlock)();
}

int64_t product_packed_size(int64_t out, int64_t in) {
  return round_up(out, product_block()) * in;
}

int64_t product_workspace(int64_t rows) {
  return (rows + kDepth) * product_block();
}

int64_t thin_workspace(int64_t rows, std::span<const PackedThin> thin) {
  return HWY_DYNAMIC_DISPATCH(ThinWorkspace)(rows, thin);
}

int64_t gated_workspace(int64_t rows, int64_t inner) {
  return rows * (2 * product_block() + inner + 16) + kDepth * product_block();
}

void product(const float* x, int64_t rows, const PackedMatrix& w, int64_t begin, int64_t end, const float* added,
             float* y, float* workspace, const ThinRows& thin) {
  HWY_DYNAMIC_DISPATCH(Product)(x, rows, w, begin, end, added, y, workspace, thin);
}

void gated_product(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                   float* y, float* workspace, const ThinRows& thin1, const ThinRows& thin2) {
  HWY_DYNAMIC_DISPATCH(GatedProduct)(x, rows, w1, w2, added, y, workspace, thin1, thin2);
}

}  // namespace corepulse::kernels
#endif
