#pragma once
// Winograd's minimal filtering F(4x4, 3x3) on plain memory, for the best instruction set of this machine.

#include <algorithm>
#include <cstdint>

#include "kernels/cpu/narrow.h"

namespace corepulse::kernels {

/** Pixels along one side of a tile of the result, and of the piece of the source it needs. */
constexpr int64_t kTileOut = 4, kTileIn = 6;
/** Products of one channel that make a tile: 36, where the plain sum needs 144. */
constexpr int64_t kPoints = kTileIn * kTileIn;

/** What is added to the convolution as it is stored; null: nothing. */
struct ConvAddends {
  const float* bias = nullptr;      ///< [out]
  const float* row_bias = nullptr;  ///< [batch, out], the same for all pixels of a batch row.
  const float* residual = nullptr;  ///< Like the result.
  const float* scales = nullptr;    ///< [out], of integer weights: multiplied with the sums first.
};

/**
 * Floats between the numbers of one point and those of the next, when each has n. A cache line more than n: else the
 * 36 lines that a transform touches at a time would often share a few sets of the cache.
 */
constexpr int64_t point_stride(int64_t n) {
  return n + 16;
}

/** One 3x3 convolution of stride 1: the shapes, and how the channels are cut. */
struct WinogradShape {
  int64_t batch, height, width, in;    ///< What is convolved, NHWC; in a multiple of 16.
  int64_t out_height, out_width, out;  ///< The result; out a multiple of 16.
  int64_t top, left;                   ///< Padding.
  /**
   * The source has every `scale`-th pixel: what is convolved is its enlargement by nearest neighbour, or the first
   * height x width pixels of that. 1: the source is what is convolved.
   */
  int64_t scale = 1;
  int64_t source_height() const { return (height + scale - 1) / scale; }
  int64_t source_width() const { return (width + scale - 1) / scale; }

  int64_t tile_rows() const { return (out_height + kTileOut - 1) / kTileOut; }
  int64_t tile_columns() const { return (out_width + kTileOut - 1) / kTileOut; }
  int64_t tiles() const { return batch * tile_rows() * tile_columns(); }
  /**
   * The channels are summed in chunks of this many, so that a chunk's transformed weights stay in the second level
   * cache. A function of `in` alone: it decides the order of the sums.
   */
  int64_t chunk() const {
    constexpr int64_t kLargest = 96, kMultiple = 16;
    const int64_t n = (in + kLargest - 1) / kLargest;
    return ((in + n - 1) / n + kMultiple - 1) / kMultiple * kMultiple;
  }
  int64_t chunks() const { return (in + chunk() - 1) / chunk(); }
};

/** Channels of the result that are computed together: two vectors. */
int64_t winograd_block();

/** Floats of the transformed sources of `tiles` tiles. */
int64_t winograd_values(const WinogradShape& shape, int64_t tiles);

/** Floats that one worker needs for `tiles` tiles. */
int64_t winograd_workspace(const WinogradShape& shape, int64_t tiles);

/** One block of OHWI weights [out, 3, 3, in] -> packed [block][in][9][winograd_block()], the last block narrower. */
template <class T, class Convert>
void winograd_pack(const float* weight, int64_t out, int64_t in, int64_t block, T* packed, Convert convert) {
  const int64_t first = block * winograd_block(), width = std::min(winograd_block(), out - first);
  packed += first * 9 * in;
  for (int64_t c = 0; c < in; ++c)
    for (int64_t k = 0; k < 9; ++k, packed += width)
      for (int64_t o = 0; o < width; ++o) packed[o] = convert(first + o, weight[((first + o) * 9 + k) * in + c]);
}

/** Transforms a tile of the source: it fills `place` of values [chunk][kPoints][`tiles`][channels of the chunk]. */
void winograd_source(const WinogradShape& shape, const float* source, int64_t tile, float* values, int64_t tiles,
                     int64_t place);

/**
 * Computes a block of the result's channels for `count` tiles from tile `first` on, whose transformed sources are at
 * the places `place`... of `values`. workspace: winograd_workspace() floats, aligned to 64 bytes.
 */
struct WinogradUnit {
  const float* values;
  Narrow packed;
  int64_t tiles, place, first, count, block;
  float* workspace;
};
void winograd_result(const WinogradShape& shape, const WinogradUnit& unit, const ConvAddends& add, float* out);

}  // namespace corepulse::kernels
