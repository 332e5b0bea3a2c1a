#include "kernels/amx/product_simd.h"

#include <algorithm>
#include <cstring>

#include "kernels/amx/tiles.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

constexpr int64_t kSums = kBlockRows * 32, kSumsPitch = 32 * int64_t{sizeof(float)};

// Products that a block of sums takes before the next block's turn. Fewer cost more passes over the sums; with more
// their weights, 2 KB each, would crowd the second level cache. Measured on Emerald Rapids.
constexpr int64_t kSteps = 36;

// Part `index` of `parts` of what is needed next: to the second level cache, while the tiles multiply.
[[gnu::always_inline]] inline void fetch_part(const void* memory, int64_t bytes, int64_t index, int64_t parts) {
  constexpr int64_t kLine = 64;
  const int64_t lines = divide_up(bytes, kLine);
  for (int64_t n = index * lines / parts; n < (index + 1) * lines / parts; ++n)
    __builtin_prefetch(static_cast<const char*>(memory) + n * kLine, 0, 2);
}

// Sums [32][32] of a block.
template <class Tiles>
void load_sums(const float* sums) {
  Tiles::template load<0>(sums, kSumsPitch), Tiles::template load<1>(sums + 16, kSumsPitch);
  Tiles::template load<2>(sums + 512, kSumsPitch), Tiles::template load<3>(sums + 528, kSumsPitch);
}

template <class Tiles>
void store_sums(float* sums) {
  Tiles::template store<0>(sums, kSumsPitch), Tiles::template store<1>(sums + 16, kSumsPitch);
  Tiles::template store<2>(sums + 512, kSumsPitch), Tiles::template store<3>(sums + 528, kSumsPitch);
}

template <class Tiles>
void zero_sums() {
  Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
}

// 32 rows, `stride` bytes apart, by 32 outputs: 32 products of each.
template <class Tiles>
[[gnu::always_inline]] inline void multiply_step(const BFloat16* x, int64_t stride, const BFloat16* left,
                                                 const BFloat16* right) {
  const BFloat16* const lower = x + kTileRows * stride / int64_t{sizeof(BFloat16)};
  Tiles::template load<4>(x, stride), Tiles::template load<6>(left, kTileBytes);
  Tiles::template multiply<0, 4, 6>();
  Tiles::template load<7>(right, kTileBytes), Tiles::template multiply<1, 4, 7>();
  Tiles::template load<5>(lower, stride);
  Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
}

// The same of split numbers: high by low ones first, then high by high and low by high, for which the weights stay.
template <class Tiles>
[[gnu::always_inline]] inline void multiply_split_step(const BFloat16* x, int64_t stride, const BFloat16* left,
                                                       const BFloat16* right) {
  const BFloat16* const lower = x + kTileRows * stride / int64_t{sizeof(BFloat16)};
  multiply_step<Tiles>(x, stride, left, right);
  Tiles::template load<6>(left + kTileNumbers, kTileBytes), Tiles::template load<7>(right + kTileNumbers, kTileBytes);
  Tiles::template multiply<0, 4, 6>(), Tiles::template multiply<1, 4, 7>();
  Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
  Tiles::template load<4>(x + 32, stride), Tiles::template load<5>(lower + 32, stride);
  Tiles::template multiply<0, 4, 6>(), Tiles::template multiply<1, 4, 7>();
  Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
}

template <class Tiles, bool kSplit>
[[gnu::always_inline]] inline void multiply(const BFloat16* x, int64_t stride, const BFloat16* left,
                                            const BFloat16* right) {
  kSplit ? multiply_split_step<Tiles>(x, stride, left, right) : multiply_step<Tiles>(x, stride, left, right);
}

// Where a block will be stored, and what will be added to it: to the first level cache, while the tiles multiply.
// Inlined, for g++ leaves out calls of a function that does nothing else.
[[gnu::always_inline]] inline void fetch_results(const TileProduct& p, int64_t first, int64_t rows, int64_t column) {
  const int64_t width = p.gated ? p.w.out / 2 : p.w.out, bytes = p.w.split ? 4 : 2,
                lines = p.w.split && !p.gated ? 2 : 1;
  for (int64_t r = first; r < first + rows; ++r) {
    const int64_t result = p.result_of(r);
    if (result < 0) continue;
    const int64_t at = (result * width + column) * bytes;
    for (int64_t n = 0; n < lines; ++n) {
      __builtin_prefetch(static_cast<char*>(p.y.data()) + at + 64 * n, 1);
      if (p.added.data()) __builtin_prefetch(static_cast<const char*>(p.added.data()) + at + 64 * n);
    }
  }
}

// A block whose sums are stored while the tiles multiply the next one's.
class Waiting {
 public:
  explicit Waiting(const TileProduct& p) : p_(p) {}
  /** What waited is stored: its rows up to that of `steps` equal parts. */
  void store(int64_t step, int64_t steps) {
    const int64_t end = std::min((step + 1) * kBlockRows / steps, block_.rows);
    if (stored_ < end) store_rows(p_, block_, stored_, end);
    stored_ = std::max(stored_, end);
  }
  /** After which another may wait. */
  void store_rest() { store(0, 1); }
  void put(const BlockSums& block) { block_ = block, stored_ = 0; }

 private:
  const TileProduct& p_;
  BlockSums block_;
  int64_t stored_ = 0;
};

/** The two panels of weights of a block of outputs. */
struct Panels {
  const BFloat16 *left = nullptr, *right = nullptr;
};

Panels panels(const TileMatrix& w, bool gated, int64_t block) {
  const int64_t panel = kPanel * w.in * w.parts();
  const BFloat16* const left = w.weights + block * panel * (gated ? 1 : 2);
  return {left, left + (gated ? w.out / 2 / kPanel * panel : panel)};
}
Panels panels(const TileProduct& p, int64_t block) {
  return p.w.weights ? panels(p.w, p.gated, block) : Panels{};
}

// A block's rows as tiles are loaded from them: where they are, or a copy.
const BFloat16* block_rows(const TileProduct& p, int64_t first, int64_t rows, BFloat16* copy) {
  const int64_t width = p.width * p.w.parts();
  if (p.x.bf16() && rows == kBlockRows && !p.ends_width)
    return static_cast<const BFloat16*>(p.x.data()) + first * width;
  BFloat16* to = copy;
  const auto take = [&](ConstNumbers x, int64_t row, int64_t numbers) {
    const int64_t there = x.bf16() ? numbers * p.w.parts() : numbers;
    take_tile_rows(x.at(row * there), 32, there / 32, to);
    to += numbers * p.w.parts();
  };
  for (int64_t row = first; row < first + rows; ++row) {
    take(p.x, row, p.width - p.ends_width);
    if (p.ends_width) take(p.ends, row, p.ends_width);
  }
  return copy;
}

// Of one of the thin products at the rows of a block, and whether any is not 0; 0 beyond them.
struct Shares {
  Shares(const TileThin& thin, int64_t first, int64_t rows) {
    int64_t pixel = first % thin.pixels;
    for (int64_t r = 0; r < rows; ++r) {
      of_row[r] = thin.share[pixel], any |= of_row[r] != 0;
      if (++pixel == thin.pixels) pixel = 0;
    }
  }
  float of_row[kBlockRows] = {};
  bool any = false;
};
using ThinShares = std::vector<Shares>;

// What the thin matrices make of a block's rows x, `stride` bytes apart, times the shares: to `made`.
template <class Tiles, bool kSplit>
void make_thin(const TileProduct& p, const ThinShares& shares, const BFloat16* x, int64_t stride, BFloat16* made,
               float* sums) {
  constexpr int64_t kParts = kSplit ? 2 : 1;
  for (size_t i = 0; i < shares.size(); ++i) {
    const auto& thin = p.thin[i];
    const int64_t panel = kPanel * thin.down.in * kParts, blocks = shares[i].any ? thin.down.out / 32 : 0;
    for (int64_t block = 0; block < blocks; ++block) {
      const BFloat16 *const left = thin.down.weights + 2 * block * panel, *const right = left + panel;
      zero_sums<Tiles>();
      for (int64_t k = 0; k < thin.down.in / 32; ++k)
        multiply<Tiles, kSplit>(x + k * 32 * kParts, stride, left + k * kTileNumbers * kParts,
                                right + k * kTileNumbers * kParts);
      store_sums<Tiles>(sums);
      store_thin_rows(sums, shares[i].of_row, kSplit, made + block * 32 * kParts, thin_numbers(p));
    }
    made += thin.down.out * kParts;
  }
}

// And what that adds to the sums of a block of outputs, which lie in tiles.
template <class Tiles, bool kSplit>
void add_thin(const TileProduct& p, const ThinShares& shares, int64_t block, const BFloat16* made) {
  constexpr int64_t kParts = kSplit ? 2 : 1;
  const int64_t stride = thin_numbers(p) * int64_t{sizeof(BFloat16)};
  for (size_t i = 0; i < shares.size(); ++i) {
    const auto& thin = p.thin[i];
    const auto [left, right] = panels(thin.up, p.gated, block);
    const int64_t steps = shares[i].any ? thin.up.in / 32 : 0;
    for (int64_t k = 0; k < steps; ++k)
      multiply<Tiles, kSplit>(made + k * 32 * kParts, stride, left + k * kTileNumbers * kParts,
                              right + k * kTileNumbers * kParts);
    made += thin.up.in * kParts;
  }
}

// The rows of a block pass all weights of the unit.
template <class Tiles, bool kSplit>
void run_rows(const TileProduct& p, const TileUnit& u, float* sums, BFloat16* copy) {
  constexpr int64_t kParts = kSplit ? 2 : 1;
  const int64_t stride = p.width * kParts * int64_t{sizeof(BFloat16)}, step = p.gated ? 16 : 32;
  const int64_t from_width = (p.width - p.ends_width) * (p.x.bf16() ? kParts : 1);
  const int64_t steps = p.w.weights ? p.width / 32 : 0;
  Waiting waiting(p);
  ThinShares shares;
  int64_t turn = 0;
  for (int64_t first = u.first; first < u.last; first += kBlockRows) {
    const int64_t rows = std::min(kBlockRows, u.last - first);
    const BFloat16* const x = block_rows(p, first, rows, copy);
    const int64_t next_rows = std::min(kBlockRows, u.last - first - rows);
    BFloat16* const thin = u.thin + first * thin_numbers(p);
    shares.clear();
    for (const auto& one : p.thin) shares.emplace_back(one, first, rows);
    if (u.makes_thin) make_thin<Tiles, kSplit>(p, shares, x, stride, thin, sums + 2 * kSums);
    for (int64_t block = u.begin; block < u.end; ++block) {
      const auto [left, right] = panels(p, block);
      const bool fetch_weights = p.w.weights && first == u.first && block + 1 < u.end;
      const auto next = panels(p, fetch_weights ? block + 1 : block);
      fetch_part(p.x.at((first + rows) * from_width).data(), next_rows * stride, block - u.begin, u.end - u.begin);
      fetch_results(p, first, rows, block * step);
      zero_sums<Tiles>();
      for (int64_t k = 0; k < steps; ++k) {
        multiply<Tiles, kSplit>(x + k * 32 * kParts, stride, left + k * kTileNumbers * kParts,
                                right + k * kTileNumbers * kParts);
        waiting.store(k, steps);
        if (!fetch_weights) continue;
        fetch_part(next.left + k * kTileNumbers * kParts, kParts * kTileRows * kTileBytes, 0, 1);
        fetch_part(next.right + k * kTileNumbers * kParts, kParts * kTileRows * kTileBytes, 0, 1);
      }
      if (!steps) waiting.store_rest();
      add_thin<Tiles, kSplit>(p, shares, block, thin);
      float* const to = sums + turn % 2 * kSums;
      store_sums<Tiles>(to);
      waiting.put({to, first, rows, block * step}), ++turn;
    }
  }
  waiting.store_rest();
}

// The weights of a block of outputs, kSteps tiles at a time, pass all rows of the unit, whose sums wait in memory.
template <class Tiles, bool kSplit>
void run_planes(const TileProduct& p, const TileUnit& u, float* sums) {
  constexpr int64_t kParts = kSplit ? 2 : 1, kPixel = 32 * kParts, kMost = kSteps / kParts;
  const auto* const source = static_cast<const BFloat16*>(p.x.data());
  const auto taps = static_cast<int64_t>(p.taps.size()), steps = p.width / 32 * taps;
  const int64_t row_blocks = divide_up(u.last - u.first, kBlockRows);
  Waiting waiting(p);
  for (int64_t block = u.begin; block < u.end; ++block) {
    const auto [left, right] = panels(p, block);
    for (int64_t begin = 0; begin < steps; begin += kMost) {
      const int64_t end = std::min(begin + kMost, steps);
      const bool ends = end == steps;
      const auto next = panels(p, ends && block + 1 < u.end ? block + 1 : block);
      const int64_t next_step = ends ? 0 : end,
                    next_bytes = (std::min(next_step + kMost, steps) - next_step) * kTileRows * kTileBytes * kParts;
      for (int64_t first = u.first; first < u.last; first += kBlockRows) {
        const int64_t rows = std::min(kBlockRows, u.last - first), index = (first - u.first) / kBlockRows;
        float* const block_sums = sums + (first - u.first) * 32;
        fetch_part(next.left + next_step * kTileNumbers * kParts, next_bytes, index, row_blocks);
        fetch_part(next.right + next_step * kTileNumbers * kParts, next_bytes, index, row_blocks);
        if (ends) fetch_results(p, first, rows, block * 32);
        begin ? load_sums<Tiles>(block_sums) : zero_sums<Tiles>();
        int64_t n = begin / taps, tap = begin % taps;
        for (int64_t k = begin; k < end; ++k) {
          const BFloat16* const x = source + (n * p.plane + first + p.taps[static_cast<size_t>(tap)]) * kPixel;
          multiply<Tiles, kSplit>(x, kTileBytes * kParts, left + k * kTileNumbers * kParts,
                                  right + k * kTileNumbers * kParts);
          waiting.store(k - begin, end - begin);
          if (++tap == taps) tap = 0, ++n;
        }
        store_sums<Tiles>(block_sums);
        if (ends) waiting.put({block_sums, first, rows, block * 32});
      }
    }
  }
  waiting.store_rest();
}

template <class Tiles, bool kSplit>
void run_unit(const TileProduct& p, const TileUnit& u, void* workspace) {
  auto* const sums = static_cast<float*>(workspace);
  auto* const copy = reinterpret_cast<BFloat16*>(sums + 3 * kSums);
  Tiles::begin();
  p.plane ? run_planes<Tiles, kSplit>(p, u, sums) : run_rows<Tiles, kSplit>(p, u, sums, copy);
  Tiles::end();
}

template <class Tiles>
void run_unit_of(const TileProduct& p, const TileUnit& u, void* workspace) {
  p.w.split ? run_unit<Tiles, true>(p, u, workspace) : run_unit<Tiles, false>(p, u, workspace);
}

}  // namespace

int64_t output_blocks(const TileProduct& p) {
  return p.w.out / 32;
}

int64_t worker_bytes(const TileProduct& p, int64_t rows) {
  if (p.plane) return rows * kSumsPitch;
  return 3 * kSums * int64_t{sizeof(float)} + kBlockRows * p.width * p.w.parts() * int64_t{sizeof(BFloat16)};
}

int64_t thin_numbers(const TileProduct& p) {
  int64_t numbers = 0;
  for (const auto& thin : p.thin) numbers += thin.down.out * thin.down.parts();
  return numbers;
}

void multiply_unit(const TileProduct& p, const TileUnit& unit, void* workspace, bool plain) {
  plain ? run_unit_of<PlainTiles>(p, unit, workspace) : run_unit_of<AmxTiles>(p, unit, workspace);
}

}  // namespace corepulse::kernels
