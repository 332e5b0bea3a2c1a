#pragma once
// The vector part of attention: packing for tiles, and the work on a few queries.
//
// Keys and queries are worked on in pieces of 32 keys by 32 queries. Keys that are masked are left out when packing, so
// that no piece is without a visible key.

#include <array>
#include <cstdint>
#include <vector>

#include "kernels/amx/attention.h"
#include "kernels/amx/tiles.h"

namespace corepulse::kernels {

constexpr int64_t kPiece = 32;         // queries, and keys, of a piece
constexpr int64_t kUnitQueries = 256;  // of one unit of work
constexpr int64_t kPiecesAtOnce = 4;   // whose weights are applied to the values together
constexpr int64_t kTileSums = 256;     // float32 in a tile
constexpr int64_t kKeyParts = 3;       // of a float32 number of a query or key

/**
 * What all units of a call share. Of float32 numbers, weights and values have two parts, queries and keys three, for an
 * error of a logit is one of the whole weight: keys are [lowest, low, high], which are multiplied with the queries
 * [high, high, high], [0, low, low] and [0, 0, lowest].
 */
struct TilePlan {
  TileAttention task;
  int64_t parts;     // of weights and values
  int64_t steps;     // of 32 numbers of a query or key
  int64_t columns;   // tiles of 16 numbers of a head; the number after the last is 1, so that its sum is the weights'
  int64_t capacity;  // pieces of a head for which there is memory
  int64_t chunk;     // pieces that all queries of a unit pass before the next: they stay in the second level cache
  std::vector<int64_t> seen;           // [batch]: keys that are not masked
  std::vector<int32_t> keys;           // [batch, keys]: which
  std::vector<bool> biased;            // [batch]: whether any of these has a bias
  BFloat16* packed_keys;               // [batch * heads, capacity, steps, 2 tiles]
  BFloat16* packed_values;             // [batch * heads, capacity, parts: low first, columns, tile]
  float* packed_bias;                  // [batch, capacity * 32], over scale
  std::array<uint8_t, 64> correction;  // see Softener

  explicit TilePlan(const TileAttention& t);
  int64_t pieces(int64_t batch_row) const { return (seen[static_cast<size_t>(batch_row)] + kPiece - 1) / kPiece; }
  int64_t blocks() const { return (task.queries + kUnitQueries - 1) / kUnitQueries; }
  int64_t units() const { return task.batch * task.heads * blocks(); }
  int64_t keys_of_head() const { return capacity * steps * 2 * kTileNumbers; }
  int64_t values_of_head() const { return capacity * value_piece(); }
  int64_t value_piece() const { return parts * columns * kTileNumbers; }
  int64_t query_tiles() const { return (task.split() ? kKeyParts : 1) * steps * 2; }  // of 32 queries
  /** Bytes of a worker, a multiple of 64. */
  int64_t workspace() const;
};

/** Fills `correction`. */
void set_correction(TilePlan& plan);

/** Packs one piece of one head (of batch * heads), if it has so many. */
void pack_piece(const TilePlan& plan, int64_t head, int64_t piece);

/** Computes one block of queries of one head. */
void attend_unit(const TilePlan& plan, int64_t unit, void* workspace, bool plain);

}  // namespace corepulse::kernels
