#pragma once
// x W^T + b on plain memory, for the best instruction set of this machine; and the gated feed-forward made of two.

#include <cstdint>

namespace corepulse::kernels {

/** Weights [out, in], packed in blocks of product_block() outputs: [block][in][product_block()], zeros beyond `out`. */
struct PackedMatrix {
  const float* weights;  ///< product_packed_size() floats, aligned to 64 bytes.
  const float* bias;     ///< [out]; null: none.
  int64_t out, in;
};

/** Outputs that are computed together: two vectors. */
int64_t product_block();

/** Rows of x that a unit of work is best given: its numbers stay in the second level cache. */
constexpr int64_t kProductRows = 96;

int64_t product_packed_size(int64_t out, int64_t in);
/** Fills one block of the packed weights. */
void product_pack(const float* weight, int64_t out, int64_t in, int64_t block, float* packed);

/** Floats of workspace for `rows` rows of the functions below, aligned to 64 bytes. */
int64_t product_workspace(int64_t rows);
int64_t gated_workspace(int64_t rows, int64_t inner);

/**
 * y = x W^T + b (+ added) for `rows` rows of x [rows, in] and blocks [begin, end) of the outputs; y and added (null:
 * nothing) are [rows, out]. A number's bits depend on its row of x and its column of W alone.
 */
void product(const float* x, int64_t rows, const PackedMatrix& w, int64_t begin, int64_t end, const float* added,
             float* y, float* workspace);

/**
 * y = (a * gelu(g)) W2^T + b2 (+ added), where [a, g] = x W1^T + b1, for `rows` rows: the wide part in between never
 * leaves the cache. W1 has 2 * inner outputs and W2 inner inputs, inner a multiple of product_block().
 */
void gated_product(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                   float* y, float* workspace);

}  // namespace corepulse::kernels
