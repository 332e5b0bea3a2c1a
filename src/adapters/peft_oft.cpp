// PEFT's own OFT and BOFT, which rotate inputs in blocks, and its IA3.

#include <cmath>
#include <fmt/format.h>

#include "adapters/kinds.h"
#include "adapters/product.h"

namespace corepulse::adapters {
namespace {

/** Rotations of a layer's inputs: one stage after the other, each of `count` blocks of `size`. */
struct Turns {
  Stored stored;
  std::optional<Stored> lengths;  ///< A factor for each output.
  std::optional<PeftOft> oft;     ///< Stored are the blocks' upper triangles; else, of BOFT, whole blocks.
  int64_t stages = 1, count = 0, size = 0;
  bool shared = false;  ///< One block is stored for all.
};

using Numbers = std::vector<float>;

/** The upper triangle of a block, without its diagonal. COFT keeps what it turns by below `limit`. */
Numbers unpacked(const float* triangle, int64_t n, double limit) {
  Numbers block(static_cast<size_t>(n * n), 0);
  double squares = 0;
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = r + 1; c < n; ++c, ++triangle) {
      block[static_cast<size_t>(r * n + c)] = *triangle;
      squares += 2.0 * *triangle * *triangle;
    }
  if (const double norm = std::sqrt(squares); limit > 0 && norm > limit)
    for (auto& x : block) x = static_cast<float>(x * (limit / norm));
  return block;
}

/** I + 2Q + 2Q^2 ... + Q^k, the Cayley map's series cut off as PEFT cuts it. Q = X - X^T. */
Numbers by_series(const Numbers& x, int64_t n, int terms) {
  Numbers q(x.size()), sum(x.size(), 0), power;
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < n; ++c)
      q[static_cast<size_t>(r * n + c)] = x[static_cast<size_t>(r * n + c)] - x[static_cast<size_t>(c * n + r)];
  for (int64_t i = 0; i < n; ++i) sum[static_cast<size_t>(i * n + i)] = 1;
  const auto add = [&sum](const Numbers& values, float factor) {
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += factor * values[i];
  };
  if (terms > 1) add(q, 2);
  if (terms <= 2) return sum;
  power = multiply(q, q, n, n, n);
  add(power, 2);
  for (int k = 3; k < terms - 1; ++k) add(power = multiply(power, q, n, n, n), 2);
  add(multiply(power, q, n, n, n), 1);
  return sum;
}

/** The rotations stored, transposed, [stages * blocks] of [n, n]. */
std::vector<Numbers> rotations_of(const Turns& turns) {
  const auto numbers = turns.stored.read();
  const auto n = turns.size, each = turns.oft ? n * (n - 1) / 2 : n * n;
  const auto blocks = turns.stages * (turns.shared ? 1 : turns.count);
  const double limit = turns.oft ? turns.oft->limit / std::sqrt(static_cast<double>(blocks)) : 0;
  std::vector<Numbers> result;
  for (int64_t b = 0; b < blocks; ++b) {
    const float* const own = numbers.data() + b * each;
    auto block = turns.oft ? unpacked(own, n, limit) : Numbers(own, own + each);
    if (turns.oft && turns.oft->terms > 0)
      block = by_series(block, n, turns.oft->terms);
    else
      rotate(block.data(), n, turns.oft ? -1 : -0.5);
    result.push_back(transposed(block, n, n));
  }
  return result;
}

class PeftRotation : public Delta {
 public:
  explicit PeftRotation(Turns turns) : turns_(std::move(turns)) {}

  mx::array difference(const mx::array& original, float strength) const override {
    const auto width = turns_.count * turns_.size, out = static_cast<int64_t>(original.size()) / width;
    const auto rotations = rotations_of(turns_);
    const float* const from = original.data<float>();
    Numbers rows(from, from + out * width);
    for (int64_t stage = 0; stage < turns_.stages; ++stage)
      for (int64_t b = 0; b < turns_.count; ++b)
        turn(rows, out, stage, b, rotations[static_cast<size_t>(turns_.shared ? 0 : stage * turns_.count + b)]);
    const auto lengths = turns_.lengths ? turns_.lengths->read() : Numbers(static_cast<size_t>(out), 1.0f);
    auto result = fresh(original.shape());
    for (int64_t i = 0; i < out * width; ++i)
      result.data<float>()[i] =
          strength * (lengths[static_cast<size_t>(i / width)] * rows[static_cast<size_t>(i)] - from[i]);
    return result;
  }

 private:
  /** Of all rows the inputs that this block takes. */
  void turn(Numbers& rows, int64_t out, int64_t stage, int64_t block, const Numbers& rotation) const {
    const auto n = turns_.size, width = turns_.count * n;
    Numbers taken(static_cast<size_t>(out * n));
    for (int64_t r = 0; r < out; ++r)
      for (int64_t c = 0; c < n; ++c)
        taken[static_cast<size_t>(r * n + c)] = rows[static_cast<size_t>(r * width + input(stage, block * n + c))];
    const auto turned = multiply(taken, rotation, out, n, n);
    for (int64_t r = 0; r < out; ++r)
      for (int64_t c = 0; c < n; ++c)
        rows[static_cast<size_t>(r * width + input(stage, block * n + c))] = turned[static_cast<size_t>(r * n + c)];
  }

  /** The input at a place of the order in which a stage's blocks lie side by side: of 2^(stage + 1) halves of blocks
   * those of even number come first. */
  int64_t input(int64_t stage, int64_t place) const {
    if (stage == 0) return place;
    const auto half = turns_.size / 2, halves = int64_t{2} << stage, group = halves * half;
    const auto within = place % group, number = within / half;
    const auto source = number % 2 == 0 ? number / 2 : halves / 2 + number / 2;
    return place - within + source * half + within % half;
  }

  Turns turns_;
};

/** Whether factors are for inputs, by their shape, or PEFT's settings where that fits both. */
bool on_input(const Layer& layer, const Stored& stored) {
  const auto out = layer.weight[0], in = layer.weight[1], n = product_of(stored.view.shape);
  const auto& shape = stored.view.shape;
  if (shape.size() == 2 && n == (shape[0] == 1 ? in : out) && (shape[0] == 1 || shape[1] == 1)) return shape[0] == 1;
  if (shape.size() != 4 || shape[1] != n || (n != in && n != out))
    stored.refuse(fmt::format("is {}; expected {} numbers, or {}, for a layer of {}", shown(shape), out, in,
                              shown(layer.weight)));
  if (in != out) return n == in;
  if (!layer.peft || !layer.peft->on_input)
    stored.refuse(
        "may scale inputs or outputs; expected PEFT's adapter_config.json beside it, with feedforward_modules as "
        "a list of names");
  return *layer.peft->on_input;
}

}  // namespace

DeltaPointer peft_oft(Layer& layer) {
  const auto& stored = layer.need("oft_R");
  if (!layer.peft || !layer.peft->oft)
    stored.refuse("turns as PEFT's settings say; expected adapter_config.json beside adapter_model.safetensors");
  const auto& shape = stored.view.shape;
  const auto width = product_of(layer.weight, 1);
  Turns turns{stored, std::nullopt, layer.peft->oft};
  if (shape.size() == 2) {
    turns.size = static_cast<int64_t>(std::llround((1 + std::sqrt(1.0 + 8.0 * static_cast<double>(shape[1]))) / 2));
    turns.shared = shape[0] == 1;
    turns.count = turns.shared ? width / turns.size : shape[0];
  }
  if (turns.count < 1 || turns.size < 2 || turns.size > width || turns.size * (turns.size - 1) / 2 != shape[1] ||
      turns.count * turns.size != width)
    stored.refuse(
        fmt::format("is {}; expected [n, b (b - 1) / 2], or [1, b (b - 1) / 2], with n * b = {}", shown(shape), width));
  return std::make_shared<PeftRotation>(std::move(turns));
}

DeltaPointer peft_boft(Layer& layer) {
  const auto& stored = layer.need("boft_R");
  const auto& lengths = layer.need("boft_s");
  const auto& shape = stored.view.shape;
  const auto width = product_of(layer.weight, 1);
  bool fits = shape.size() == 4 && shape[2] == shape[3] && shape[0] < 32 && shape[1] <= width && shape[2] <= width &&
              shape[1] * shape[2] == width;
  // Of several stages each joins twice as many blocks, by their halves.
  if (fits && shape[0] > 1) fits = shape[2] % 2 == 0 && shape[1] % (int64_t{1} << (shape[0] - 1)) == 0;
  if (!fits) stored.refuse(fmt::format("is {}; expected [stages, n, b, b] with n * b = {}", shown(shape), width));
  if (product_of(lengths.view.shape) != layer.weight[0])
    lengths.refuse(fmt::format("is {}; expected {} numbers", shown(lengths.view.shape), layer.weight[0]));
  Turns turns{stored, lengths, std::nullopt, shape[0], shape[1], shape[2]};
  return std::make_shared<PeftRotation>(std::move(turns));
}

DeltaPointer peft_ia3(Layer& layer) {
  const auto& stored = layer.need("ia3_l");
  return scaled(stored, -1, on_input(layer, stored), layer.weight[0], layer.weight[1]);
}

DeltaPointer peft_ia3_bias(Layer& layer) {
  const auto& stored = layer.need("ia3_l");
  if (layer.bias.empty() || on_input(layer, stored)) return nullptr;
  return scaled(stored, -1, false, layer.weight[0], 1);
}

}  // namespace corepulse::adapters
