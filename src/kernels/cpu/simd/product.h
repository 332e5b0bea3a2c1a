#pragma once
// x W^T + b on plain memory, for the best instruction set of this machine; and the gated feed-forward made of two.

#include <algorithm>
#include <cstdint>
#include <span>

#include "kernels/cpu/narrow.h"

namespace corepulse::kernels {

/** Weights [out, in], packed in blocks of product_block() outputs: [block][in][product_block()], zeros beyond `out`. */
struct PackedMatrix {
  Narrow weights;       ///< product_packed_size() numbers, aligned to 64 bytes.
  const float* bias;    ///< [out]; null: none.
  const float* scales;  ///< [out], of integers, which are multiplied with them; null: none.
  int64_t out, in;
};

/** What is added to a product: up times what down makes of row r, times share[r % pixels]. */
struct PackedThin {
  PackedMatrix down, up;  ///< [rank, in] and [out, rank], neither with a bias.
  const float* share;
  int64_t pixels;
};

/** Those of a product whose rows begin with that one. */
struct ThinRows {
  std::span<const PackedThin> all = {};
  int64_t first = 0;
};

/** Outputs that are computed together: two vectors. */
int64_t product_block();

/** Rows of x that a unit of work is best given: its numbers stay in the second level cache. */
constexpr int64_t kProductRows = 96;

/** Numbers of a row that are multiplied in one go: a block's weights for them stay in the first two levels of cache. */
constexpr int64_t kDepth = 384;

int64_t product_packed_size(int64_t out, int64_t in);
/** Fills one block of the packed weights with convert(output, number). */
template <class T, class Convert>
void product_pack(const float* weight, int64_t out, int64_t in, int64_t block, T* packed, Convert convert) {
  const int64_t size = product_block(), first = block * size, width = std::min(size, out - first);
  packed += first * in;
  for (int64_t c = 0; c < in; ++c, packed += size) {
    for (int64_t o = 0; o < width; ++o) packed[o] = convert(first + o, weight[(first + o) * in + c]);
    std::fill(packed + width, packed + size, T{});
  }
}

/** Floats of workspace for `rows` rows of the functions below, aligned to 64 bytes; and those more that thin products
 * take, each. */
int64_t product_workspace(int64_t rows);
int64_t gated_workspace(int64_t rows, int64_t inner);
int64_t thin_workspace(int64_t rows, std::span<const PackedThin> thin);

/**
 * y = x W^T + b (+ added) for `rows` rows of x [rows, in] and blocks [begin, end) of the outputs; y and added (null:
 * nothing) are [rows, out]. A number's bits depend on its row of x and its column of W alone.
 * @param thin what is added further; without weights in w these are all of it.
 */
void product(const float* x, int64_t rows, const PackedMatrix& w, int64_t begin, int64_t end, const float* added,
             float* y, float* workspace, const ThinRows& thin = {});

/**
 * y = (a * gelu(g)) W2^T + b2 (+ added), where [a, g] = x W1^T + b1, for `rows` rows: the wide part in between never
 * leaves the cache. W1 has 2 * inner outputs and W2 inner inputs, inner a multiple of product_block().
 */
void gated_product(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                   float* y, float* workspace, const ThinRows& thin1 = {}, const ThinRows& thin2 = {});

}  // namespace corepulse::kernels
