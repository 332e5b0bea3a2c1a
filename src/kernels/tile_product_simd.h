#pragma once
// A block of tile_product: 32 rows by 32 numbers of the result.

#include "kernels/tile_product.h"

namespace corepulse::kernels {

constexpr int64_t kBlockRows = 32;
constexpr int64_t kPanel = 16;  // outputs whose weights lie together: [in / 32] tiles

/** Rows [first, last) by all blocks of outputs [begin, end). */
struct TileUnit {
  int64_t first, last, begin, end;
};

/** Blocks of outputs, and the bytes that a worker needs for units of so many rows. */
int64_t output_blocks(const TileProduct& p);
int64_t worker_bytes(const TileProduct& p, int64_t rows);

void multiply_unit(const TileProduct& p, const TileUnit& unit, void* workspace, bool plain);

}  // namespace corepulse::kernels
