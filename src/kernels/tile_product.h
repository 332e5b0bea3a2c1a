#pragma once
// Products of bfloat16 matrices on AMX's tiles: linear layers, and 3x3 convolutions as nine of them. Only with
// COREPULSE_CPU_KERNELS.

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/number.h"
#include "kernels/plain_weights.h"

namespace corepulse::kernels {

/** A packed matrix [out, in] and its bias or null; in and out are multiples of 32. */
struct TileMatrix {
  const BFloat16* weights;
  const float* bias;
  int64_t out, in;
};

/** y = x W^T + b + added, or where the matrix is gated, y = a gelu(g), [a, g] = x W^T + b. */
struct TileProduct {
  TileMatrix w;
  const BFloat16* x;                      // rows; or planes, each 32 numbers of every row
  int64_t width;                          // numbers of a row of x
  int64_t rows;                           // to multiply
  int64_t plane = 0;                      // rows of a plane; 0: x is not in planes
  std::vector<int64_t> taps = {0};        // in planes: from a row to those that are multiplied in its place
  bool gated = false;                     // y has w.out / 2 numbers in a row
  std::vector<int32_t> results = {};      // the row of y that a row becomes, or -1; empty: the same
  const BFloat16* added = nullptr;        // of y's shape
  const BFloat16* per_picture = nullptr;  // [pictures, w.out], the same for `pixels` rows of y
  int64_t pixels = 1;
  BFloat16* y = nullptr;
};

/** Whether bfloat16 weights [out, ...] with `in` numbers at the end can be used so on this machine. */
bool tile_product_fits(int64_t out, int64_t in);

/** Packs a plain [out, taps, in / taps] matrix into as many numbers, on all threads. */
void pack_tiles(const BFloat16* weight, int64_t out, int64_t in, BFloat16* packed, int64_t taps = 1);

/** Bytes of scratch memory, a multiple of 64. */
int64_t tile_product_workspace(const TileProduct& p);

/**
 * Runs on all threads. x ends with its last row; in planes, 32 rows more can be read after those that the last row's
 * taps reach. Products are exact, sums float32, in an order that depends on nothing but w.in.
 * @param plain with tiles in plain C++, for tests.
 */
void run_tile_product(const TileProduct& p, void* workspace, bool plain = false);
/** The same in scratch(). */
void run_tile_product(const TileProduct& p);

/** A 3x3 convolution of stride 1 with a border of zeros. */
struct TileConv {
  int64_t batch, height, width, in, out;  // of the result: the picture's, or twice as large
  int64_t scale = 1;                      // 2: of the picture enlarged, each pixel four times
};

/** y = convolution(x) + b + what is added, each null or as in TileProduct. `plain` as above. */
void run_tile_conv(const TileConv& c, const TileMatrix& w, const BFloat16* x, const BFloat16* per_picture,
                   const BFloat16* added, BFloat16* y, bool plain = false);

/** A layer's weights, [out, in] or [out, 3, 3, in], and bias. Read and repacked by the first call, then dropped. */
class TileWeights : public PlainWeights {
 public:
  TileWeights(LazyArray weight, const std::optional<mx::array>& bias, int64_t out, int64_t in, int64_t taps = 1);
  TileMatrix packed();

 private:
  const int64_t out_, in_, taps_;
  std::mutex mutex_;
  std::optional<Aligned<BFloat16>> packed_;
  std::vector<float> packed_bias_;
};

}  // namespace corepulse::kernels
