// AVX-512 intrinsics and not Highway: what runs beside AMX's tiles runs on no other processor.
//
// The logits of a piece are made on the tiles while the vector units turn those of the piece before into weights. A
// query's weights are relative to its largest logit among the first piece's; nothing is rescaled later. If a logit
// turns out to be larger by 2^60, the 32 queries are done again relative to their largest logit of all.
#include "kernels/amx/attention_simd.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/options.h"

#if defined(__x86_64__)
#include "kernels/amx/attention-inl.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

constexpr float kTrusted = 0x1p60f;  // a sum of weights

/** A worker's memory. */
struct Workspace {
  float* sums;          // [kUnitQueries / kPiece][columns][2 tiles]
  float* logits[2];     // [32][32], of this piece and the next
  float* exact_logits;  // [32][32], when a block is done again
  BFloat16* weights;    // [kPiecesAtOnce][parts][2 tiles]
  BFloat16* exact_weights;
  BFloat16 *queries, *exact_queries;  // [query_tiles()]
};

int64_t carve(const TilePlan& plan, char* memory, Workspace& w) {
  int64_t used = 0;
  const auto take = [&]<class T>(T*& to, int64_t n) {
    to = reinterpret_cast<T*>(memory + used);
    used += n * static_cast<int64_t>(sizeof(T));
  };
  take(w.sums, kUnitQueries / kPiece * plan.columns * 2 * kTileSums);
  for (auto& logits : w.logits) take(logits, kPiece * kPiece);
  take(w.exact_logits, kPiece * kPiece);
  take(w.weights, kPiecesAtOnce * plan.parts * 2 * kTileNumbers);
  take(w.exact_weights, plan.parts * 2 * kTileNumbers);
  take(w.queries, plan.query_tiles() * kTileNumbers);
  take(w.exact_queries, plan.query_tiles() * kTileNumbers);
  return used;
}

}  // namespace

HWY_PUSH_ATTRIBUTES(COREPULSE_TILE_VECTORS)

namespace {

/** One head's packed keys and values. */
struct Head {
  const BFloat16 *keys, *values;
  const float* bias;
  int64_t pieces, seen;
  bool biased;

  Head(const TilePlan& plan, int64_t head) {
    const int64_t row = head / plan.task.heads;
    keys = plan.packed_keys + head * plan.keys_of_head();
    values = plan.packed_values + head * plan.values_of_head();
    bias = plan.packed_bias + row * plan.capacity * kPiece;
    pieces = plan.pieces(row);
    seen = plan.seen[static_cast<size_t>(row)];
    biased = plan.biased[static_cast<size_t>(row)];
  }
  const float* bias_of(int64_t piece) const {
    return biased || (piece + 1) * kPiece > seen ? bias + piece * kPiece : nullptr;
  }
};

/** 32 queries and 32 keys. */
struct Place {
  int64_t row, piece;
};

/** Some queries of one head: [first, last), in blocks of 32. */
template <class Tiles, class Soften>
struct Unit {
  using T = std::conditional_t<Soften::kSplit, float, BFloat16>;
  const TilePlan& plan;
  const Head head;
  const Workspace w;
  const Soften soften;
  const int64_t row_width, origin;  // numbers between queries; the head's first of query 0
  const int64_t first, last;
  float references[kUnitQueries];

  float* references_of(int64_t row) { return references + (row - first); }
  float* sums_of(int64_t row) const { return w.sums + (row - first) / kPiece * plan.columns * 2 * kTileSums; }
  float weight_of(int64_t row, int64_t r) const {
    return sums_of(row)[plan.task.size / 16 * 2 * kTileSums + r * 16 + plan.task.size % 16];
  }
  Place after(const Place& place) const;
  void take_queries(int64_t row, BFloat16* to) const;
  template <bool kSoften>
  void multiply(const BFloat16* queries, int64_t piece, float* logits, const Soften& local, const Softened& s) const;
  void set_references(const float* logits, float* to) const;
  void store_row(int64_t row, int64_t r, float share) const;
  void finish(int64_t row) const;
  void do_again(int64_t row, uint32_t which) const;
  void run();
};

// All queries pass a chunk of the keys, then the next.
template <class Tiles, class Soften>
Place Unit<Tiles, Soften>::after(const Place& place) const {
  const int64_t begin = place.piece / plan.chunk * plan.chunk, end = std::min(begin + plan.chunk, head.pieces);
  if (place.piece + 1 < end) return {place.row, place.piece + 1};
  if (place.row + kPiece < last) return {place.row + kPiece, begin};
  return {first, end};
}

// The numbers of a query in steps; loads touch nothing beyond them.
void take_query(const TilePlan& plan, const BFloat16* numbers, int64_t n, BFloat16* to) {
  for (int64_t x = 0; x < plan.steps; ++x) {
    const int64_t left = std::max<int64_t>(n - 32 * x, 0);
    const __mmask32 inside = left >= 32 ? ~0u : (1u << left) - 1;
    _mm512_store_si512(to + x * kPiece * 32, _mm512_maskz_loadu_epi16(inside, numbers + 32 * x));
  }
}

// Missing queries are zeros.
template <class Tiles, class Soften>
void Unit<Tiles, Soften>::take_queries(int64_t row, BFloat16* to) const {
  const int64_t size = plan.task.size;
  [[maybe_unused]] BFloat16 parts[kKeyParts][kKeyParts * kMaxHeadSize];
  if constexpr (Soften::kSplit) std::fill_n(parts[1], size, BFloat16{0}), std::fill_n(parts[2], 2 * size, BFloat16{0});
  for (int64_t r = 0; r < kPiece; ++r) {
    const bool there = row + r < plan.task.queries;
    const T* const q = static_cast<const T*>(plan.task.q.data()) + (there ? origin + (row + r) * row_width : 0);
    if constexpr (Soften::kSplit) {
      split_all(q, size, parts[0], parts[1] + size, parts[2] + 2 * size);
      std::copy_n(parts[0], size, parts[0] + size), std::copy_n(parts[0], size, parts[0] + 2 * size);
      std::copy_n(parts[1] + size, size, parts[1] + 2 * size);
      for (int64_t part = 0; part < kKeyParts; ++part)
        take_query(plan, parts[part], there ? kKeyParts * size : 0, to + part * plan.steps * 2 * kTileNumbers + r * 32);
    } else {
      take_query(plan, q, there ? size : 0, to + r * 32);
    }
  }
}

template <class Tiles, class Soften>
template <bool kSoften>
[[gnu::always_inline]] inline void Unit<Tiles, Soften>::multiply(const BFloat16* queries, int64_t piece, float* logits,
                                                                 const Soften& local, const Softened& s) const {
  const BFloat16* const keys = head.keys + piece * plan.steps * 2 * kTileNumbers;
  if constexpr (Soften::kSplit)
    multiply_split_piece<Tiles, kSoften>(plan, queries, keys, head.bias_of(piece), logits, local, s);
  else
    multiply_piece<Tiles, kSoften>(plan.steps, queries, keys, head.bias_of(piece), logits, local, s);
}

template <class Tiles, class Soften>
void Unit<Tiles, Soften>::set_references(const float* logits, float* to) const {
  for (int64_t r = 0; r < kPiece; ++r) {
    const __m512 a = _mm512_load_ps(logits + r * kPiece), b = _mm512_load_ps(logits + r * kPiece + 16);
    to[r] = soften.reference(_mm512_reduce_max_ps(_mm512_max_ps(a, b)));
  }
}

template <class Tiles, class Soften>
void Unit<Tiles, Soften>::store_row(int64_t row, int64_t r, float share) const {
  const int64_t size = plan.task.size;
  T* const to = static_cast<T*>(plan.task.out.data()) + origin + (row + r) * row_width;
  for (int64_t n = 0; n < divide_up(size, 16); ++n) {
    const __mmask16 mask = size - 16 * n >= 16 ? 0xffff : static_cast<__mmask16>((1u << (size - 16 * n)) - 1);
    const __m512 y = _mm512_mul_ps(_mm512_load_ps(sums_of(row) + n * 2 * kTileSums + r * 16), _mm512_set1_ps(share));
    if constexpr (Soften::kSplit)
      _mm512_mask_storeu_ps(to + 16 * n, mask, y);
    else
      _mm256_mask_storeu_epi16(to + 16 * n, mask, narrowed(y));
  }
}

template <class Tiles, class Soften>
void Unit<Tiles, Soften>::finish(int64_t row) const {
  uint32_t doubtful = 0;
  for (int64_t r = 0; r < std::min(kPiece, plan.task.queries - row); ++r) {
    if (const float sum = weight_of(row, r); sum > 0 && sum < kTrusted)
      store_row(row, r, 1 / sum);
    else
      doubtful |= 1u << r;
  }
  if (doubtful) do_again(row, doubtful);
}

/** highest [32] = max(highest, logits [32][32]); NaN stays. */
void raise_highest(const float* logits, float* highest) {
  for (int64_t r = 0; r < kPiece; ++r) {
    const __m512 a = _mm512_load_ps(logits + r * kPiece), b = _mm512_load_ps(logits + r * kPiece + 16);
    const float most = _mm512_reduce_max_ps(_mm512_max_ps(a, b));
    if (_mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q) != 0)
      highest[r] = std::numeric_limits<float>::quiet_NaN();
    else if (!std::isnan(highest[r]))
      highest[r] = std::max(highest[r], most);
  }
}

// The largest logits first, then all weights once more.
template <class Tiles, class Soften>
[[gnu::noinline]] void Unit<Tiles, Soften>::do_again(int64_t row, uint32_t which) const {
  float highest[kPiece], exact[kPiece];
  std::fill_n(highest, kPiece, -std::numeric_limits<float>::infinity());
  take_queries(row, w.exact_queries);
  for (int64_t n = 0; n < 2 * head.pieces; ++n) {
    const int64_t piece = n % head.pieces;
    hold_queries<Tiles>(plan, w.exact_queries);
    multiply<false>(w.exact_queries, piece, w.exact_logits, soften, {});
    if (n < head.pieces) {
      raise_highest(w.exact_logits, highest);
      continue;
    }
    for (int64_t r = 0; r < kPiece; ++r) {
      exact[r] = soften.reference(highest[r]);
      soften.template row<true>(w.exact_logits + r * kPiece, exact[r], w.exact_weights + r * kPiece);
    }
    add_values<Tiles, Soften::kSplit>(piece == 0, 1, plan.columns, w.exact_weights,
                                      head.values + piece * plan.value_piece(), sums_of(row));
  }
  for (int64_t r = 0; r < kPiece; ++r) {
    if (!(which >> r & 1)) continue;
    const float sum = std::isfinite(highest[r]) ? weight_of(row, r) : std::numeric_limits<float>::quiet_NaN();
    store_row(row, r, 1 / sum);
  }
}

// A pipeline over pieces that does not stop between blocks of queries.
template <class Tiles, class Soften>
void Unit<Tiles, Soften>::run() {
  const Soften local = soften;  // stays in registers, whatever the tiles' instructions may write
  take_queries(first, w.queries);
  hold_queries<Tiles>(plan, w.queries);
  multiply<false>(w.queries, 0, w.logits[0], local, {});
  set_references(w.logits[0], references);
  Place place{first, 0};
  for (int now = 0; place.piece < head.pieces; now = 1 - now) {
    const Place next = after(place);
    const bool more = next.piece < head.pieces, turns = next.row != place.row;
    const int64_t slot = place.piece % kPiecesAtOnce;
    const bool adds = slot == kPiecesAtOnce - 1 || turns || !more;
    const Softened softened{w.logits[now], references_of(place.row), w.weights + slot * plan.parts * 2 * kTileNumbers};
    if (more && turns) {
      take_queries(next.row, w.queries);
      hold_queries<Tiles>(plan, w.queries);
    }
    if (more)
      multiply<true>(w.queries, next.piece, w.logits[1 - now], local, softened);
    else
      soften_rows(local, 0, kPiece, softened.logits, softened.references, softened.weights);
    if (adds)
      add_values<Tiles, Soften::kSplit>(place.piece == slot, slot + 1, plan.columns, w.weights,
                                        head.values + (place.piece - slot) * plan.value_piece(), sums_of(place.row));
    if (place.piece + 1 == head.pieces) finish(place.row);
    if (more && next.piece == 0) set_references(w.logits[1 - now], references_of(next.row));
    if (adds) hold_queries<Tiles>(plan, w.queries);
    place = next;
  }
}

template <class Tiles, class Soften>
void run_unit(const TilePlan& plan, int64_t unit, void* workspace) {
  const TileAttention& t = plan.task;
  const int64_t index = unit / plan.blocks(), first = unit % plan.blocks() * kUnitQueries;
  const Head head(plan, index);
  if (head.pieces == 0) return;
  Workspace w;
  carve(plan, static_cast<char*>(workspace), w);
  const int64_t width = t.heads * t.size;
  const int64_t origin = index / t.heads * t.queries * width + index % t.heads * t.size;
  Unit<Tiles, Soften> work{plan, head, w, Soften(plan), width, origin, first, std::min(first + kUnitQueries, t.queries),
                           {}};
  Tiles::begin();
  work.run();
  Tiles::end();
}

template <class Tiles>
void run_unit_of(const TilePlan& plan, int64_t unit, void* workspace) {
  plan.task.split() ? run_unit<Tiles, SplitSoftener>(plan, unit, workspace)
                    : run_unit<Tiles, Softener>(plan, unit, workspace);
}

}  // namespace

HWY_POP_ATTRIBUTES

// Entry i serves the two integers down from kTop whose last 7 bits are 2i and 2i + 1.
void set_correction(TilePlan& plan) {
  for (size_t i = 0; i < plan.correction.size(); ++i) {
    const double digits = std::fmod((kTop & 127) - (2 * static_cast<double>(i) + 0.5) + 128, 128) / 128;
    const long off = std::lround(128 * (1 + digits - std::exp2(digits)));
    plan.correction[i] = static_cast<uint8_t>((kTop & 255) - off);
  }
}

int64_t TilePlan::workspace() const {
  Workspace w;
  return carve(*this, nullptr, w);
}

void attend_unit(const TilePlan& plan, int64_t unit, void* workspace, bool plain) {
  plain ? run_unit_of<PlainTiles>(plan, unit, workspace) : run_unit_of<AmxTiles>(plan, unit, workspace);
}

bool has_tile_vectors() {
  return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bf16");
}

}  // namespace corepulse::kernels
#else

namespace corepulse::kernels {

void set_correction(TilePlan&) {}
int64_t TilePlan::workspace() const {
  return 0;
}
void attend_unit(const TilePlan&, int64_t, void*, bool) {}
void pack_piece(const TilePlan&, int64_t, int64_t) {}
bool has_tile_vectors() {
  return false;
}

}  // namespace corepulse::kernels
#endif
