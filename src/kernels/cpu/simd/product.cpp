// Compiled once per instruction set.
#include "kernels/cpu/simd/product.h"

#include <algorithm>

#include "kernels/cpu/simd/targets.h"

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

// Weights [at, at + n) of the packed ones as float32: themselves, or in `wide`.
const float* weights_at(const PackedMatrix& w, int64_t at, int64_t n, float* HWY_RESTRICT wide) {
  if (w.weights.floats) return w.weights.floats + at;
  const Floats f;
  w.weights.visit([&](auto* from) HWY_ATTR {
    for (int64_t i = 0; i < n; i += kLanes) hn::Store(load(f, from + at + i), f, wide + i);
  });
  return wide;
}

// sums [rows][kBlock] of one block.
void block_sums(const float* x, int64_t stride, int64_t rows, const PackedMatrix& w, int64_t block, float* sums,
                float* wide) {
  for (int64_t first = 0; first < w.in; first += kDepth) {
    const int64_t depth = std::min(kDepth, w.in - first);
    const float* const weights = weights_at(w, (block * w.in + first) * kBlock, depth * kBlock, wide);
    multiply_rows<2>(x + first, stride, rows, depth, weights, first == 0, sums);
  }
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
             float* y, float* sums) {
  float* const wide = sums + rows * kBlock;
  for (int64_t block = begin; block < end; ++block) {
    block_sums(x, w.in, rows, w, block, sums, wide);
    store_block(sums, rows, w, block, added, y);
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
                  float* y, float* workspace) {
  const int64_t inner = w2.in, stride = inner_stride(inner);
  float *const a = workspace, *const g = a + rows * kBlock, *const between = g + rows * kBlock;
  float* const wide = between + rows * stride;
  for (int64_t first = 0; first < inner; first += kBlock) {
    block_sums(x, w1.in, rows, w1, first / kBlock, a, wide);
    block_sums(x, w1.in, rows, w1, (inner + first) / kBlock, g, wide);
    gate_block(a, g, rows, w1, first, between + first, stride);
  }
  for (int64_t block = 0; block * kBlock < w2.out; ++block) {
    block_sums(between, stride, rows, w2, block, a, wide);
    store_block(a, rows, w2, block, added, y);
  }
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(ProductBlock);
HWY_EXPORT(Product);
HWY_EXPORT(GatedProduct);

int64_t product_block() {
  return HWY_DYNAMIC_DISPATCH(ProductBlock)();
}

int64_t product_packed_size(int64_t out, int64_t in) {
  return (out + product_block() - 1) / product_block() * product_block() * in;
}

int64_t product_workspace(int64_t rows) {
  return (rows + kDepth) * product_block();
}

int64_t gated_workspace(int64_t rows, int64_t inner) {
  return rows * (2 * product_block() + inner + 16) + kDepth * product_block();
}

void product(const float* x, int64_t rows, const PackedMatrix& w, int64_t begin, int64_t end, const float* added,
             float* y, float* workspace) {
  HWY_DYNAMIC_DISPATCH(Product)(x, rows, w, begin, end, added, y, workspace);
}

void gated_product(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                   float* y, float* workspace) {
  HWY_DYNAMIC_DISPATCH(GatedProduct)(x, rows, w1, w2, added, y, workspace);
}

}  // namespace corepulse::kernels
#endif
