#include "kernels/cpu/product.h"

#include <algorithm>

#include "kernels/cpu/cpu.h"
#include "kernels/memory.h"
#include "kernels/parallel.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

/** Rows of a unit of work: as many units for each thread, and no more rows than stay in the cache. */
int64_t unit_rows(int64_t rows) {
  constexpr int64_t kMultiple = 4;
  const int64_t units = round_up(divide_up(rows, kProductRows), threads());
  return round_up(divide_up(rows, units), kMultiple);
}

// Rows [first, first + count) as one array in `to`, which stays in the cache while they are multiplied.
const float* joined_rows(const float* x, int64_t width, RowEnds ends, int64_t first, int64_t count, float* to) {
  float* at = to;
  for (int64_t row = first; row < first + count; ++row) {
    at = std::copy_n(x + row * width, width, at);
    at = std::copy_n(ends.numbers + row * ends.width, ends.width, at);
  }
  return to;
}

}  // namespace

ProductWeights::ProductWeights(std::shared_ptr<PlainWeights> plain)
    : plain_(std::move(plain)), out_(plain_->shape(0)), in_(1) {
  const auto& shape = plain_->shape();
  for (size_t axis = 1; axis < shape.size(); ++axis) in_ *= shape[axis];
}

PackedMatrix ProductWeights::packed() {
  const std::lock_guard lock(mutex_);
  if (packed_.empty()) pack();
  return {packed_.numbers(), plain_->has_bias() ? packed_bias_.data() : nullptr, packed_.scales(), out_, in_};
}

void ProductWeights::pack() {
  const auto plain = plain_->arrays();
  const auto* const weight = plain.at(0).data<float>();
  packed_.fill(weight, out_, in_, plain_->int8(), static_cast<size_t>(product_packed_size(out_, in_)),
               [&](auto* to, auto convert) {
                 parallel_for(divide_up(out_, product_block()),
                              [&](int64_t block, int) { product_pack(weight, out_, in_, block, to, convert); });
               });
  if (plain_->has_bias()) packed_bias_.assign(plain[1].data<float>(), plain[1].data<float>() + out_);
  plain_->drop();
}

void run_product(const float* x, int64_t rows, const PackedMatrix& w, const float* added, float* y, RowEnds ends,
                 ThinProducts thin) {
  const int64_t step = unit_rows(rows), units = divide_up(rows, step), blocks = divide_up(w.out, product_block());
  // Few rows are shared among the threads by their outputs.
  const int64_t width = units >= 2 * threads() ? blocks : divide_up(blocks, divide_up(2 * threads(), units));
  const int64_t parts = divide_up(blocks, width);
  const int64_t sums = round_up(product_workspace(step) + thin_workspace(step, thin), 16);
  const int64_t each = sums + (ends.width ? round_up(step * w.in, 16) : 0);
  float* const workspaces = scratch(static_cast<size_t>(threads() * each) * sizeof(float));
  parallel_for(units * parts, [&](int64_t index, int worker) {
    const int64_t row = index / parts * step, count = std::min(step, rows - row), begin = index % parts * width;
    float* const workspace = workspaces + worker * each;
    const float* const from =
        ends.width ? joined_rows(x, w.in - ends.width, ends, row, count, workspace + sums) : x + row * w.in;
    product(from, count, w, begin, std::min(begin + width, blocks), added ? added + row * w.out : nullptr,
            y + row * w.out, workspace, {thin, row});
  });
}

void run_gated_product(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                       float* y, ThinProducts thin1, ThinProducts thin2) {
  const int64_t step = unit_rows(rows);
  const int64_t each =
      round_up(gated_workspace(step, w2.in) + std::max(thin_workspace(step, thin1), thin_workspace(step, thin2)), 16);
  float* const workspaces = scratch(static_cast<size_t>(threads() * each) * sizeof(float));
  parallel_for(divide_up(rows, step), [&](int64_t index, int worker) {
    const int64_t row = index * step;
    gated_product(x + row * w1.in, std::min(step, rows - row), w1, w2, added ? added + row * w2.out : nullptr,
                  y + row * w2.out, workspaces + worker * each, {thin1, row}, {thin2, row});
  });
}

bool cpu::multiply(float* out, const float* a, const float* b, int64_t m, int64_t k, int64_t n, float scale) {
  const int64_t width = product_block(), blocks = divide_up(n, width);
  // b is a transposed weight already: packing cuts its rows. Not scratch(), which a kernel that reads weights may hold.
  const Aligned<float> packed(static_cast<size_t>(product_packed_size(n, k)));
  parallel_for(blocks, [&](int64_t block, int) {
    const int64_t first = block * width, count = std::min(width, n - first);
    float* to = packed.data() + first * k;
    for (int64_t row = 0; row < k; ++row, to += width) {
      for (int64_t i = 0; i < count; ++i) to[i] = scale * b[row * n + first + i];
      std::fill(to + count, to + width, 0.0f);
    }
  });
  const PackedMatrix w{{packed.data()}, nullptr, nullptr, n, k};
  const int64_t step = unit_rows(m), each = product_workspace(step);
  const Aligned<float> workspaces(static_cast<size_t>(threads() * each));
  parallel_for(divide_up(m, step), [&](int64_t unit, int worker) {
    const int64_t row = unit * step;
    product(a + row * k, std::min(step, m - row), w, 0, blocks, nullptr, out + row * n,
            workspaces.data() + worker * each);
  });
  return true;
}

}  // namespace corepulse::kernels
