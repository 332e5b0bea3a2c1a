#include "kernels/amx/product.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "kernels/amx/attention.h"
#include "kernels/amx/product_simd.h"
#include "kernels/device.h"
#include "kernels/memory.h"
#include "kernels/parallel.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

// Measured on Emerald Rapids. Rows in planes stay in the second level cache while all weights pass; other rows pass
// while weights stay there.
constexpr int64_t kRowNumbers = 1 << 19, kRows = 512, kWeightNumbers = 1 << 19;

/** Rows of a unit of work. */
int64_t unit_rows(const TileProduct& p) {
  const int64_t most = p.plane ? std::max(kRowNumbers / (p.width * p.w.parts()), 8 * kBlockRows) : kRows;
  return round_up(divide_up(p.rows, divide_up(p.rows, most)), kBlockRows);
}

/** Blocks of outputs of one, such that every thread gets several. */
int64_t unit_blocks(const TileProduct& p, int64_t units) {
  const int64_t most = p.plane ? 4 : kWeightNumbers / (32 * p.width * p.w.parts());
  return std::max<int64_t>(1, std::min(most, units * output_blocks(p) / (4 * threads())));
}

/** Numbers that make one output. */
int64_t inputs_of(const mx::Shape& weight) {
  return std::accumulate(weight.begin() + 1, weight.end(), int64_t{1}, std::multiplies<>());
}

}  // namespace

bool tile_product_fits(const PlainWeights& weights) {
  const int64_t out = weights.shape(0), in = weights.shape().back();
  const bool type = weights.dtype() == mx::bfloat16 || (weights.dtype() == mx::float32 && !weights.int8());
  return type && out % 32 == 0 && in % 32 == 0 && out > 0 && in > 0 && has_tiles();
}

// [out / 16] panels of [in / taps / 32][taps] tiles, or pairs of them.
void pack_tiles(ConstNumbers weight, int64_t out, int64_t in, BFloat16* packed, int64_t taps) {
  const int64_t width = in / taps, tile = weight.bf16() ? kTileNumbers : 2 * kTileNumbers;
  parallel_for(out / kPanel, [&](int64_t panel, int) {
    BFloat16* to = packed + panel * in / 32 * tile;
    for (int64_t n = 0; n < in / 32; ++n, to += tile)
      pack_tile(weight.at(panel * kPanel * in + n % taps * width + n / taps * 32), in, to);
  });
}

int64_t tile_product_workspace(const TileProduct& p) {
  const int64_t thin = round_up(p.rows, kBlockRows) * thin_numbers(p) * int64_t{sizeof(BFloat16)};
  return threads() * worker_bytes(p, unit_rows(p)) + thin;
}

void run_tile_product(const TileProduct& p, void* workspace, bool plain) {
  const int64_t step = unit_rows(p), units = divide_up(p.rows, step), blocks = output_blocks(p);
  const int64_t width = unit_blocks(p, units), parts = divide_up(blocks, width), bytes = worker_bytes(p, step);
  auto* const thin = reinterpret_cast<BFloat16*>(static_cast<char*>(workspace) + threads() * bytes);
  const auto run = [&](const TileUnit& unit, int worker) {
    multiply_unit(p, unit, static_cast<char*>(workspace) + worker * bytes, plain);
  };
  // What the thin matrices make of a row is made while its only unit has it in the cache; of several units, before all.
  const bool before = parts > 1 && !p.thin.empty();
  if (before)
    parallel_for(divide_up(p.rows, kBlockRows), [&](int64_t index, int worker) {
      const int64_t first = index * kBlockRows;
      run({first, std::min(first + kBlockRows, p.rows), 0, 0, thin, true}, worker);
    });
  parallel_for(units * parts, [&](int64_t index, int worker) {
    const int64_t first = index / parts * step, begin = index % parts * width;
    run({first, std::min(first + step, p.rows), begin, std::min(begin + width, blocks), thin, !before}, worker);
  });
}

void run_tile_product(const TileProduct& p) {
  run_tile_product(p, scratch(static_cast<size_t>(tile_product_workspace(p))));
}

void run_tile_conv(const TileConv& c, const TileMatrix& w, ConstNumbers x, ConstNumbers per_row, ConstNumbers added,
                   Numbers y, bool plain) {
  // Pictures and their rows one after the other. One pixel of zeros ends a row and borders the next one too; so does a
  // row of zeros for pictures. A row of the product is a pixel; its neighbours are a fixed number of pixels away. In
  // planes, so that a tile of any 16 pixels is 1 KB of memory, and the nine of a pixel's neighbours share theirs.
  const int64_t pitch = c.width + 1, lines = c.height + 1, lead = pitch + 1;
  const int64_t rows = c.batch * lines * pitch, plane = rows + 2 * lead + kBlockRows, planes = c.in / 32;
  const int64_t pixel = 32 * w.parts();  // bfloat16 of a pixel in a plane
  TileProduct p{.w = w, .x = {}, .width = c.in, .rows = rows, .plane = plane};
  p.taps.clear();
  for (int64_t tap = 0; tap < 9; ++tap) p.taps.push_back(tap / 3 * pitch + tap % 3);
  p.results.assign(static_cast<size_t>(rows), -1);
  p.added = added, p.per_row = per_row, p.pixels = c.height * c.width, p.y = y;
  const int64_t bytes = round_up(plane * planes * pixel * int64_t{sizeof(BFloat16)}, 64);
  char* const memory = reinterpret_cast<char*>(scratch(static_cast<size_t>(bytes + tile_product_workspace(p))));
  auto* const bordered = reinterpret_cast<BFloat16*>(memory);
  p.x = bordered;
  const auto clear = [&](int64_t n, int64_t row, int64_t count) {
    std::fill_n(bordered + (n * plane + row) * pixel, count * pixel, BFloat16{0});
  };
  for (int64_t n = 0; n < planes; ++n) clear(n, 0, lead), clear(n, lead + rows, plane - lead - rows);
  const int64_t from_width = divide_up(c.width, c.scale), from_height = divide_up(c.height, c.scale);
  parallel_for(c.batch * lines, [&](int64_t line, int) {
    const int64_t picture = line / lines, v = line % lines, row = lead + line * pitch;
    const ConstNumbers from = x.at((picture * from_height + v / c.scale) * from_width * c.in);
    for (int64_t n = 0; n < planes; ++n) {
      if (v == c.height) {
        clear(n, row, pitch);
        continue;
      }
      take_tile_rows(from.at(n * 32), c.in, c.width, bordered + (n * plane + row) * pixel, c.scale);
      clear(n, row + c.width, 1);
    }
    for (int64_t u = 0; u < c.width && v < c.height; ++u)
      p.results[static_cast<size_t>(line * pitch + u)] = static_cast<int32_t>((picture * c.height + v) * c.width + u);
  });
  run_tile_product(p, memory + bytes, plain);
}

TileWeights::TileWeights(std::shared_ptr<PlainWeights> plain)
    : plain_(std::move(plain)),
      out_(plain_->shape(0)),
      in_(inputs_of(plain_->shape())),
      taps_(in_ / plain_->shape().back()),
      split_(plain_->dtype() == mx::float32) {}

TileMatrix TileWeights::packed() {
  const std::lock_guard lock(mutex_);
  if (!packed_) {
    const auto plain = plain_->arrays();
    packed_.emplace(static_cast<size_t>(out_ * in_ * (split_ ? 2 : 1)));
    pack_tiles(numbers_of(plain.at(0)), out_, in_, packed_->data(), taps_);
    if (plain_->has_bias()) packed_bias_.assign(plain[1].data<float>(), plain[1].data<float>() + out_);
    plain_->drop();
  }
  return {packed_->data(), plain_->has_bias() ? packed_bias_.data() : nullptr, out_, in_, split_};
}

}  // namespace corepulse::kernels
