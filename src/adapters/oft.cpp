// OFT and BOFT: outputs turned among themselves, in blocks; IA3: outputs or inputs made longer or shorter.

#include <cmath>
#include <fmt/format.h>

#include "adapters/kinds.h"
#include "adapters/product.h"

namespace corepulse::adapters {
namespace {

/** The rotations of blocks [count, n, n]. @param limit of the norm of all Q together; 0: none. */
std::vector<float> rotations(const Stored& stored, int64_t n, double limit) {
  auto blocks = stored.read();
  double squares = 0;
  const auto size = n * n;
  for (size_t b = 0; b < blocks.size(); b += static_cast<size_t>(size))
    for (int64_t r = 0; r < n; ++r)
      for (int64_t c = 0; c < n; ++c) {
        const double q =
            double{blocks[b + static_cast<size_t>(r * n + c)]} - blocks[b + static_cast<size_t>(c * n + r)];
        squares += q * q;
      }
  const double norm = std::sqrt(squares) + 1e-8, factor = limit > 0 && norm > limit ? limit / norm : 1;
  for (size_t b = 0; b < blocks.size(); b += static_cast<size_t>(size)) rotate(blocks.data() + b, n, factor);
  return blocks;
}

struct Blocks {
  Stored stored;
  std::optional<Stored> rescale;  ///< A factor for each output.
  double limit = 0;
  int64_t stages = 1, count = 0, size = 0;
};

class OftDelta : public Delta {
 public:
  explicit OftDelta(Blocks blocks) : blocks_(std::move(blocks)) {}

  mx::array difference(const mx::array& original, float strength) const override {
    const auto n = blocks_.size, out = blocks_.count * n, inputs = static_cast<int64_t>(original.size()) / out;
    auto turns = rotations(blocks_.stored, n, blocks_.limit);
    auto result = fresh(original.shape());
    float* const to = result.data<float>();
    const float* const from = original.data<float>();
    for (int64_t b = 0; b < blocks_.count; ++b) {
      const std::vector<float> turn(turns.begin() + b * n * n, turns.begin() + (b + 1) * n * n);
      kernels::multiply(to + b * n * inputs, transposed(turn, n, n).data(), from + b * n * inputs, n, n, inputs);
    }
    const auto rescale = blocks_.rescale ? blocks_.rescale->read() : std::vector<float>(static_cast<size_t>(out), 1.0f);
    for (int64_t i = 0; i < out * inputs; ++i)
      to[i] = strength * (rescale[static_cast<size_t>(i / inputs)] * to[i] - from[i]);
    return result;
  }

 private:
  Blocks blocks_;
};

/** Stage i turns outputs that are 2^i * size / 2 apart; the strength acts in each. */
class BoftDelta : public Delta {
 public:
  explicit BoftDelta(Blocks blocks) : blocks_(std::move(blocks)) {}

  mx::array difference(const mx::array& original, float strength) const override {
    const auto n = blocks_.size, out = blocks_.count * n, inputs = static_cast<int64_t>(original.size()) / out;
    const auto turns = rotations(blocks_.stored, n, blocks_.limit);
    const float* const from = original.data<float>();
    std::vector<float> rows(from, from + out * inputs), mixed(rows.size()), turn(static_cast<size_t>(n * n));
    for (int64_t stage = 0; stage < blocks_.stages; ++stage) {
      const auto apart = (int64_t{1} << stage) * (n / 2);
      // Row (c, k, g) of the mixed order is row (c, g, k).
      const auto place = [&](int64_t row) {
        const auto c = row / (2 * apart), within = row % (2 * apart);
        return (c * 2 * apart + within % 2 * apart + within / 2) * inputs;
      };
      for (int64_t row = 0; row < out; ++row)
        std::copy_n(rows.begin() + place(row), inputs, mixed.begin() + row * inputs);
      for (int64_t b = 0; b < blocks_.count; ++b) {
        const float* const stored = turns.data() + (stage * blocks_.count + b) * n * n;
        for (int64_t i = 0; i < n * n; ++i)
          turn[static_cast<size_t>(i)] = strength * stored[i] + (1 - strength) * (i % (n + 1) == 0 ? 1.0f : 0.0f);
        kernels::multiply(rows.data(), turn.data(), mixed.data() + b * n * inputs, n, n, inputs);
        std::copy_n(rows.begin(), n * inputs, mixed.begin() + b * n * inputs);
      }
      for (int64_t row = 0; row < out; ++row)
        std::copy_n(mixed.begin() + row * inputs, inputs, rows.begin() + place(row));
    }
    return rescaled(original, rows, strength);
  }

 private:
  mx::array rescaled(const mx::array& original, const std::vector<float>& rows, float strength) const {
    const auto inputs = static_cast<int64_t>(rows.size()) / (blocks_.count * blocks_.size);
    const auto rescale = blocks_.rescale ? blocks_.rescale->read() : std::vector<float>();
    auto result = fresh(original.shape());
    const float* const from = original.data<float>();
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto row = static_cast<size_t>(static_cast<int64_t>(i) / inputs);
      const float factor = rescale.empty() ? 1 : 1 + strength * (rescale[row] - 1);
      result.data<float>()[i] = factor * rows[i] - from[i];
    }
    return result;
  }

  Blocks blocks_;
};

class Ia3Delta : public Delta {
 public:
  Ia3Delta(const Stored& stored, float offset, bool on_input, int64_t out, int64_t in)
      : stored_(stored), offset_(offset), on_input_(on_input), out_(out), in_(in) {}

  mx::array difference(const mx::array& original, float strength) const override {
    const auto factors = stored_.read();
    auto result = fresh(original.shape());
    const auto inputs = static_cast<int64_t>(original.size()) / out_, kernel = inputs / in_;
    for (int64_t i = 0; i < out_ * inputs; ++i) {
      const auto place = on_input_ ? i % inputs / kernel : i / inputs;
      result.data<float>()[i] = strength * (factors[static_cast<size_t>(place)] + offset_) * original.data<float>()[i];
    }
    return result;
  }

 private:
  Stored stored_;
  float offset_;
  bool on_input_;
  int64_t out_, in_;
};

}  // namespace

void rotate(float* block, int64_t n, double factor) {
  const auto at = [n](int64_t r, int64_t c) { return static_cast<size_t>(r * n + c); };
  // Q (I - Q)^-1 commute, so the rotation is the X of (I - Q) X = I + Q: by elimination.
  std::vector<double> left(static_cast<size_t>(n * n)), right(left.size());
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < n; ++c) {
      const double q = factor * (double{block[at(r, c)]} - block[at(c, r)]);
      left[at(r, c)] = (r == c ? 1 : 0) - q;
      right[at(r, c)] = (r == c ? 1 : 0) + q;
    }
  // I - Q is I + a skew matrix: its pivots are never below 1, so no row need be exchanged.
  for (int64_t p = 0; p < n; ++p)
    for (int64_t r = 0; r < n; ++r) {
      const double share = r == p ? 0 : left[at(r, p)] / left[at(p, p)];
      if (share == 0) continue;
      for (int64_t c = p; c < n; ++c) left[at(r, c)] -= share * left[at(p, c)];
      for (int64_t c = 0; c < n; ++c) right[at(r, c)] -= share * right[at(p, c)];
    }
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < n; ++c) block[at(r, c)] = static_cast<float>(right[at(r, c)] / left[at(r, r)]);
}

DeltaPointer scaled(const Stored& factors, float offset, bool on_input, int64_t out, int64_t in) {
  return std::make_shared<Ia3Delta>(factors, offset, on_input, out, in);
}

DeltaPointer oft(Layer& layer) {
  const auto out = layer.weight[0];
  const auto& stored = layer.need("oft_blocks");
  const auto& shape = stored.view.shape;
  const bool butterfly = shape.size() == 4;
  Blocks blocks{stored, std::nullopt, 0, butterfly ? shape[0] : 1};
  if (shape.size() == 3 || butterfly) {
    blocks.count = shape[shape.size() - 3], blocks.size = shape.back();
    // Of the butterfly's stages the last one's pairs lie furthest apart.
    const bool pairs = !butterfly || (blocks.stages < 32 && blocks.size % 2 == 0 &&
                                      out % ((int64_t{1} << (blocks.stages - 1)) * blocks.size) == 0);
    if (shape[shape.size() - 2] != blocks.size || blocks.count * blocks.size != out || !pairs) blocks.size = 0;
  }
  if (!blocks.size)
    stored.refuse(fmt::format("is {}; expected [n, b, b], or [stages, n, b, b], with n * b = {}", shown(shape), out));
  if (layer.has("rescale")) blocks.rescale = layer.need("rescale", {out, 1});
  // Here alpha limits how far the blocks turn, in units of the outputs' number.
  if (const auto* alpha = layer.take("alpha")) blocks.limit = alpha->scalar() * static_cast<double>(out);
  if (butterfly) return std::make_shared<BoftDelta>(std::move(blocks));
  return std::make_shared<OftDelta>(std::move(blocks));
}

DeltaPointer ia3(Layer& layer) {
  const auto& stored = layer.need("ia3_weight");
  if (!layer.has("on_input")) stored.refuse("stands alone, as a model's own weights do; expected an adapter's");
  const bool on_input = layer.need("on_input").scalar() != 0;
  const auto expected = layer.weight[on_input ? 1 : 0];
  if (product_of(stored.view.shape) != expected)
    stored.refuse(fmt::format("is {}; expected {} numbers for a layer of {}", shown(stored.view.shape), expected,
                              shown(layer.weight)));
  return scaled(stored, 0, on_input, layer.weight[0], layer.weight[1]);
}

}  // namespace corepulse::adapters
