#include "attention/function.h"

#include <algorithm>
#include <cmath>

#include "mlx/transforms.h"

namespace corepulse::attention {
namespace {

mx::array sharpened(const FunctionInput& in, const mx::array& q, double power) {
  const auto to_float = [](const mx::array& x) { return mx::astype(x, mx::float32); };
  const auto scale = mx::array(1 / std::sqrt(static_cast<float>(q.shape(3))));
  auto logits = mx::matmul(to_float(q) * scale, mx::swapaxes(to_float(in.k), 2, 3));
  logits = mx::power(mx::maximum(logits, mx::array(1e-8f)), mx::array(static_cast<float>(power)));
  if (in.bias) logits = logits + to_float(*in.bias);
  return mx::astype(mx::matmul(mx::softmax(logits, -1, true), to_float(in.v)), q.dtype());
}

}  // namespace

Function sharpen(double power) {
  return [power](const FunctionInput& in, const control::Site&, const control::Step&) {
    constexpr int kMostLogits = 16 << 20;
    const int heads = in.q.shape(1), pixels = in.q.shape(2);
    const int stride = std::max(1, kMostLogits / (heads * in.k.shape(2)));
    std::vector<mx::array> parts;
    for (int from = 0; from < pixels; from += stride) {
      const int to = std::min(pixels, from + stride);
      parts.push_back(sharpened(in, mx::slice(in.q, {0, 0, from, 0}, {1, heads, to, in.q.shape(3)}), power));
      mx::eval(parts.back());
    }
    return mx::concatenate(parts, 2);
  };
}

}  // namespace corepulse::attention
