#include "unet/timestep_embedding.h"

#include <algorithm>
#include <cmath>

namespace corepulse::unet {

mx::array sinusoids(const std::vector<float>& values, int width, bool flip, double shift, mx::Dtype dtype) {
  const int half = width / 2;
  std::vector<float> table(values.size() * width, 0.f);
  for (size_t row = 0; row < values.size(); ++row) {
    float* const out = table.data() + row * width;
    // A GPU waits for these: most often all rows are at one moment.
    if (row > 0 && values[row] == values[row - 1]) {
      std::copy_n(out - width, width, out);
      continue;
    }
    for (int i = 0; i < half; ++i) {
      // float32 as in torch: at t = 981 the product's rounding is visible in the sine.
      const float exponent = -std::log(10000.0f) * static_cast<float>(i) / static_cast<float>(half - shift);
      const float angle = values[row] * std::exp(exponent);
      out[flip ? i : half + i] = std::cos(angle);
      out[flip ? half + i : i] = std::sin(angle);
    }
  }
  return mx::array(table.begin(), {static_cast<int>(values.size()), width}, dtype);
}

TimestepEmbedding::TimestepEmbedding(const nn::Weights& w, int in, int out, int condition_width)
    : linear_1(w / "linear_1", in, out), linear_2(w / "linear_2", out, out) {
  if (condition_width) cond_proj.emplace(w / "cond_proj", condition_width, in, /*bias=*/false);
}

mx::array TimestepEmbedding::operator()(mx::array x, const std::optional<mx::array>& condition) const {
  if (cond_proj && condition) x = mx::add(x, (*cond_proj)(*condition));
  return linear_2(kernels::silu(linear_1(x)));
}

}  // namespace corepulse::unet
