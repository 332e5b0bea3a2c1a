#pragma once
// Products of matrices on AMX's tiles: linear layers, and 3x3 convolutions as nine of them.
//
// Tiles multiply bfloat16. A float32 number is split there into two, high + low, within 2^-18 of it, and a product is
// high high + high low + low high: within 2^-16 of it, several times as fast as float32 vectors (Henry, Tang and
// Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype for higher-precision computations").

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "kernels/memory.h"
#include "kernels/number.h"
#include "kernels/plain_weights.h"

namespace corepulse::kernels {

/** A packed matrix [out, in] and its bias or null; in and out are multiples of 32. */
struct TileMatrix {
  const BFloat16* weights;
  const float* bias;
  int64_t out, in;
  bool split = false;  // float32: [out, in, 2]

  int64_t parts() const { return split ? 2 : 1; }  // bfloat16 of a number
};

/** What is added to a product's sums before they are stored: share_r up (down x_r) for row r. */
struct TileThin {
  TileMatrix down, up;  // [rank, w.in] and [w.out, rank], both split if w is; rank is a multiple of 32
  const float* share;   // of row r share[r % pixels]
  int64_t pixels;
};

/** y = x W^T + b + added, or where the matrix is gated, y = a gelu(g), [a, g] = x W^T + b. */
struct TileProduct {
  TileMatrix w;
  ConstNumbers x;  // rows; or planes, each 32 numbers of every row. Already split: bfloat16, 32 high before 32 low ones
  int64_t width;   // numbers of a row
  int64_t rows;    // to multiply
  ConstNumbers ends = {};             // the last numbers of every row, where they are in another array than x
  int64_t ends_width = 0;             // how many, as all a multiple of 32; x is not in planes then
  int64_t plane = 0;                  // rows of a plane; 0: x is not in planes
  std::vector<int64_t> taps = {0};    // in planes: from a row to those that are multiplied in its place
  bool gated = false;                 // y has w.out / 2 numbers in a row, which are split if w is
  std::vector<int32_t> results = {};  // the row of y that a row becomes, or -1; empty: the same
  ConstNumbers added = {};            // of y's shape and type; or null
  ConstNumbers per_row = {};          // [batch rows, w.out], the same for `pixels` rows of y; or null
  int64_t pixels = 1;
  std::vector<TileThin> thin = {};  // x is not in planes then. Without weights in w these are all of the sums
  Numbers y = {};

  int64_t result_of(int64_t row) const { return results.empty() ? row : results[static_cast<size_t>(row)]; }
};

/** Whether weights [out, ...] with their last axis can be used so on this machine: bfloat16, float32 but not int8. */
bool tile_product_fits(const PlainWeights& weights);

/** Packs a plain [out, taps, in / taps] matrix into as many numbers, or twice as many if it is split; on all threads.
 */
void pack_tiles(ConstNumbers weight, int64_t out, int64_t in, BFloat16* packed, int64_t taps = 1);

/** Bytes of scratch memory. */
int64_t tile_product_workspace(const TileProduct& p);

/**
 * Runs on all threads. x ends with its last row; in planes, 32 rows more can be read after those that the last row's
 * taps reach. Products of bfloat16 are exact, sums float32, in an order that depends on nothing but w.in.
 * @param plain with tiles in plain C++, for tests.
 */
void run_tile_product(const TileProduct& p, void* workspace, bool plain = false);
/** The same in scratch(). */
void run_tile_product(const TileProduct& p);

/** A 3x3 convolution of stride 1 with a border of zeros. */
struct TileConv {
  int64_t batch, height, width, in, out;  // of the result: the source's, or twice as large
  int64_t scale = 1;                      // 2: of the source enlarged, each pixel four times
};

/** y = convolution(x) + b + what is added, each null or as in TileProduct. `plain` as above. */
void run_tile_conv(const TileConv& c, const TileMatrix& w, ConstNumbers x, ConstNumbers per_row, ConstNumbers added,
                   Numbers y, bool plain = false);

/** A layer's weights, [out, in] or [out, 3, 3, in], and bias. Read and repacked by the first call, then dropped. */
class TileWeights {
 public:
  explicit TileWeights(std::shared_ptr<PlainWeights> plain);
  TileMatrix packed();
  mx::Dtype dtype() const { return split_ ? mx::float32 : mx::bfloat16; }

 private:
  const std::shared_ptr<PlainWeights> plain_;
  const int64_t out_, in_, taps_;
  const bool split_;
  std::mutex mutex_;
  std::optional<Aligned<BFloat16>> packed_;
  std::vector<float> packed_bias_;
};

}  // namespace corepulse::kernels
