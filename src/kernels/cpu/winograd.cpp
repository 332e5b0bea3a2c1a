#include "kernels/cpu/winograd.h"

#include <algorithm>

#include "kernels/memory.h"
#include "kernels/parallel.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

/** How the tiles are cut: rounds whose transformed sources are in memory together, and units within a round. */
struct Cut {
  int64_t round, unit;

  explicit Cut(const WinogradShape& s) {
    // A round stays in the last level cache; a unit's sums, with a chunk of weights, in the second.
    constexpr int64_t kRound = int64_t{1} << 20, kUnit = 96;
    const int64_t tiles = s.tiles(), most = std::max(kUnit, kRound / (kPoints * s.in));
    const int64_t rounds = (tiles + most - 1) / most;
    round = (tiles + rounds - 1) / rounds;
    unit = std::min(round, kUnit);
  }
};

int64_t blocks(const WinogradShape& s) {
  return divide_up(s.out, winograd_block());
}

}  // namespace

bool winograd_fits(const mx::Shape& weight, int stride) {
  return stride == 1 && weight[1] == 3 && weight[2] == 3 && weight[0] % 16 == 0 && weight[3] % 16 == 0;
}

void WinogradWeights::pack(const WinogradShape& s) {
  const std::lock_guard lock(mutex_);
  if (!packed_.empty()) return;
  const auto plain = plain_->arrays();
  const auto* const weight = plain.at(0).data<float>();
  packed_.fill(
      weight, s.out, 9 * s.in, plain_->int8(), static_cast<size_t>(s.out * s.in) * 9, [&](auto* to, auto convert) {
        parallel_for(blocks(s), [&](int64_t block, int) { winograd_pack(weight, s.out, s.in, block, to, convert); });
      });
  if (plain_->has_bias()) packed_bias_.assign(plain[1].data<float>(), plain[1].data<float>() + s.out);
  plain_->drop();
}

void WinogradWeights::run(const WinogradShape& s, const float* source, ConvAddends add, float* out) {
  pack(s);
  if (plain_->has_bias()) add.bias = packed_bias_.data();
  add.scales = packed_.scales();
  const Cut cut(s);
  const int64_t of_outputs = blocks(s);
  const int64_t per_worker = round_up(winograd_workspace(s, cut.unit), 16), values = winograd_values(s, cut.round);
  float* const memory = scratch(static_cast<size_t>(round_up(values, 16) + threads() * per_worker) * sizeof(float));
  float* const workspaces = memory + round_up(values, 16);
  for (int64_t first = 0; first < s.tiles(); first += cut.round) {
    const int64_t tiles = std::min(cut.round, s.tiles() - first);
    parallel_ranges(tiles, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) winograd_source(s, source, first + i, memory, tiles, i);
    });
    const int64_t parts = (tiles + cut.unit - 1) / cut.unit;
    parallel_for(parts * of_outputs, [&](int64_t index, int worker) {
      const int64_t place = index / of_outputs * cut.unit;
      winograd_result(s,
                      {memory, packed_.numbers(), tiles, place, first + place, std::min(cut.unit, tiles - place),
                       index % of_outputs, workspaces + worker * per_worker},
                      add, out);
    });
  }
}

}  // namespace corepulse::kernels
