#include "kernels/cpu/product.h"

#include <algorithm>

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

void run_product(const float* x, int64_t rows, const PackedMatrix& w, const float* added, float* y, RowEnds ends) {
  const int64_t step = unit_rows(rows), units = divide_up(rows, step), blocks = divide_up(w.out, product_block());
  // Few rows are shared among the threads by their outputs.
  const int64_t width = units >= 2 * threads() ? blocks : divide_up(blocks, divide_up(2 * threads(), units));
  const int64_t parts = divide_up(blocks, width), sums = product_workspace(step);
  const int64_t each = sums + (ends.width ? round_up(step * w.in, 16) : 0);
  float* const workspaces = scratch(static_cast<size_t>(threads() * each) * sizeof(float));
  parallel_for(units * parts, [&](int64_t index, int worker) {
    const int64_t row = index / parts * step, count = std::min(step, rows - row), begin = index % parts * width;
    float* const workspace = workspaces + worker * each;
    const float* const from =
        ends.width ? joined_rows(x, w.in - ends.width, ends, row, count, workspace + sums) : x + row * w.in;
    product(from, count, w, begin, std::min(begin + width, blocks), added ? added + row * w.out : nullptr,
            y + row * w.out, workspace);
  });
}

void run_gated_product(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                       float* y) {
  const int64_t step = unit_rows(rows), each = gated_workspace(step, w2.in);
  float* const workspaces = scratch(static_cast<size_t>(threads() * each) * sizeof(float));
  parallel_for(divide_up(rows, step), [&](int64_t index, int worker) {
    const int64_t row = index * step;
    gated_product(x + row * w1.in, std::min(step, rows - row), w1, w2, added ? added + row * w2.out : nullptr,
                  y + row * w2.out, workspaces + worker * each);
  });
}

}  // namespace corepulse::kernels
