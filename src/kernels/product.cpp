#include "kernels/product.h"

#include <algorithm>

#include "kernels/integers.h"
#include "kernels/parallel.h"
#include "kernels/primitive.h"

namespace corepulse::kernels {
namespace {

int64_t divide_up(int64_t n, int64_t by) {
  return (n + by - 1) / by;
}

/** Rows of a unit of work: as many units for each thread, and no more rows than stay in the cache. */
int64_t unit_rows(int64_t rows) {
  constexpr int64_t kMultiple = 4;
  const int64_t units = divide_up(divide_up(rows, kProductRows), threads()) * threads();
  return divide_up(divide_up(rows, units), kMultiple) * kMultiple;
}

}  // namespace

ProductWeights::ProductWeights(LazyArray weight, const std::optional<mx::array>& bias, int out, int in)
    : PlainWeights(std::move(weight), bias), out_(out), in_(in) {}

PackedMatrix ProductWeights::packed() {
  const std::lock_guard lock(mutex_);
  if (!packed_ && !integers_) pack();
  const float* const bias = has_bias() ? packed_bias_.data() : nullptr;
  if (packed_) return {packed_->data(), bias, out_, in_};
  return {nullptr, bias, out_, in_, integers_->data(), scales_.data()};
}

void ProductWeights::pack() {
  const auto plain = arrays();
  const auto* const weight = plain.at(0).data<float>();
  if (int8()) {
    pack_integers(weight);
  } else {
    packed_.emplace(static_cast<size_t>(product_packed_size(out_, in_)));
    parallel_for(divide_up(out_, product_block()),
                 [&](int64_t block, int) { product_pack(weight, out_, in_, block, packed_->data()); });
  }
  if (has_bias()) packed_bias_.assign(plain[1].data<float>(), plain[1].data<float>() + out_);
  drop();
}

void ProductWeights::pack_integers(const float* weight) {
  std::vector<int8_t> rows(static_cast<size_t>(out_ * in_));
  scales_.resize(static_cast<size_t>(out_));
  parallel_for(out_, [&](int64_t o, int) {
    scales_[static_cast<size_t>(o)] = to_integers(weight + o * in_, in_, rows.data() + o * in_);
  });
  integers_.emplace(static_cast<size_t>(product_packed_size(out_, in_)));
  parallel_for(divide_up(out_, product_block()),
               [&](int64_t block, int) { product_pack<int8_t>(rows.data(), out_, in_, block, integers_->data()); });
}

void run_product(const float* x, int64_t rows, const PackedMatrix& w, const float* added, float* y) {
  const int64_t step = unit_rows(rows), units = divide_up(rows, step), blocks = divide_up(w.out, product_block());
  // Few rows are shared among the threads by their outputs.
  const int64_t width = units >= 2 * threads() ? blocks : divide_up(blocks, divide_up(2 * threads(), units));
  const int64_t parts = divide_up(blocks, width), each = product_workspace(step);
  float* const workspaces = scratch(static_cast<size_t>(threads() * each) * sizeof(float));
  parallel_for(units * parts, [&](int64_t index, int worker) {
    const int64_t row = index / parts * step, begin = index % parts * width;
    product(x + row * w.in, std::min(step, rows - row), w, begin, std::min(begin + width, blocks),
            added ? added + row * w.out : nullptr, y + row * w.out, workspaces + worker * each);
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
