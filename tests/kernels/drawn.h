#pragma once
// Layers and their inputs, drawn at random.

#include <random>

#include "kernels/activation.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "numbers.h"

namespace corepulse {

/** A gated feed-forward drawn at random; every third one's inner width fills no block. */
struct DrawnGated {
  explicit DrawnGated(unsigned seed) {
    std::mt19937 random(seed);
    const auto within = [&](int low, int high) { return std::uniform_int_distribution(low, high)(random); };
    const int in = within(1, 70), inner = seed % 3 ? 32 * within(1, 14) : within(1, 40), out = within(1, 70);
    x = normal({within(1, 130), in}, seed + 1);
    w1 = normal({2 * inner, in}, seed + 2, 0.2f), b1 = normal({2 * inner}, seed + 3);
    w2 = normal({out, inner}, seed + 4, 0.2f), b2 = normal({out}, seed + 5);
    added = normal({x.shape(0), out}, seed + 6);
  }
  mx::array expected(bool with_added = true) const {
    const auto between = kernels::geglu_reference(kernels::linear_reference(x, w1, b1));
    const auto y = kernels::linear_reference(between, w2, b2);
    return with_added ? y + added : y;
  }
  mx::array x{0.f}, w1{0.f}, b1{0.f}, w2{0.f}, b2{0.f}, added{0.f};
};

/** A layer and a picture drawn at random: odd sizes, any padding up to 2, up to 8 pictures. */
struct DrawnConv {
  explicit DrawnConv(unsigned seed) : random(seed) {
    in = 16 * within(1, 9), out = 16 * within(1, 5), batch = within(1, 8);
    padding = {within(0, 2), within(0, 2), within(0, 2), within(0, 2)};
    x = normal({batch, within(3, 13), within(3, 13), in}, seed + 1);
    weight = normal({out, 3, 3, in}, seed + 2);
    bias = normal({out}, seed + 3);
    per_row = normal({batch, out}, seed + 4);
    picture = normal(kernels::conv2d_reference(x, weight, bias, 1, padding).shape(), seed + 5);
  }
  int within(int low, int high) { return std::uniform_int_distribution(low, high)(random); }
  kernels::Conv2d conv() const { return {weight, bias, 1, padding}; }
  mx::array expected() const {
    return kernels::conv2d_reference(x, weight, bias, 1, padding) + mx::expand_dims(per_row, {1, 2}) + picture;
  }

  std::mt19937 random;
  int in, out, batch;
  kernels::Padding padding;
  mx::array x{0.f}, weight{0.f}, bias{0.f}, per_row{0.f}, picture{0.f};
};

}  // namespace corepulse
