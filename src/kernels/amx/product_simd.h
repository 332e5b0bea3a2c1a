#pragma once
// A block of a product: 32 rows by 32 numbers of the result.

#include "kernels/amx/product.h"
#include "kernels/amx/tiles.h"

namespace corepulse::kernels {

constexpr int64_t kBlockRows = 32;
constexpr int64_t kPanel = 16;  // outputs whose weights lie together: [in / 32] tiles of [16 pairs][16 outputs][2]

/** Rows [first, last) by all blocks of outputs [begin, end). */
struct TileUnit {
  int64_t first, last, begin, end;
  BFloat16* thin = nullptr;  // what TileThin::down makes of all rows: thin_numbers() of each,
  bool makes_thin = true;    // here or by another unit before
};

/** Blocks of outputs, and the bytes that a worker needs for units of so many rows. */
int64_t output_blocks(const TileProduct& p);
int64_t worker_bytes(const TileProduct& p, int64_t rows);
/** Of a row, in TileUnit::thin. */
int64_t thin_numbers(const TileProduct& p);

/** Sums [32][32] of a block: rows from `first` on, results from `column` on. */
struct BlockSums {
  const float* sums = nullptr;
  int64_t first = 0, rows = 0, column = 0;
};

/** Stores rows [begin, end) of a block, with what is added to them. */
void store_rows(const TileProduct& p, const BlockSums& block, int64_t begin, int64_t end);

/** Sums [32][32], each row times its share, to 32 rows `stride` apart as tiles multiply them. */
void store_thin_rows(const float* sums, const float* shares, bool split, BFloat16* to, int64_t stride);

void multiply_unit(const TileProduct& p, const TileUnit& unit, void* workspace, bool plain);

/** A tile of 32 numbers of 16 rows, `stride` numbers apart; of float32 two: low ones, then high ones. */
void pack_tile(ConstNumbers rows, int64_t stride, BFloat16* tile);

/**
 * `count` times 32 numbers, `stride` numbers apart, each `repeat` times; of float32 their high parts, then their low
 * ones. @param count of the result.
 */
void take_tile_rows(ConstNumbers numbers, int64_t stride, int64_t count, BFloat16* to, int64_t repeat = 1);

}  // namespace corepulse::kernels
