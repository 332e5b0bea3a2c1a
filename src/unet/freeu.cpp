// FreeU (Si et al. 2023). Version 1 is Diffusers' apply_freeu: the first half of the channels that come up times b, and
// of the skip the frequencies (0, 0), (-1, 0), (0, -1) and (-1, -1) times s, of which the real part is kept - the 2 x 2
// centre of a shifted Fourier transform. Version 2 is its authors' Free_UNet with structure-related scaling, ComfyUI's
// FreeU_V2: times 1 + (b - 1) m, m the mean over all channels, by picture stretched to 0..1.
#include "unet/freeu.h"

#include <cmath>
#include <numbers>

namespace corepulse::unet {
namespace {

mx::array to_float(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

/** The mean over the channels, from 0 where it is least to 1 where it is largest: [B, h, w, 1]. */
mx::array stretched_mean(const mx::array& x) {
  const auto mean = mx::mean(to_float(x), -1, true);
  const auto least = mx::min(mean, {1, 2}, true), range = mx::max(mean, {1, 2}, true) - least;
  return mx::where(mx::greater(range, mx::array(0.f)), (mean - least) / range, mx::array(0.f));
}

mx::array amplified(const mx::array& up, const CallInputs::Gain& gain) {
  const int half = up.shape(3) / 2;
  const auto shape = up.shape();
  const auto first = mx::slice(up, {0, 0, 0, 0}, {shape[0], shape[1], shape[2], half});
  const auto rest = mx::slice(up, {0, 0, 0, half}, shape);
  const auto one = mx::array(1.f);
  const auto factor = gain.by_mean ? one + (*gain.backbone - one) * stretched_mean(up) : *gain.backbone;
  return mx::concatenate({mx::astype(to_float(first) * factor, up.dtype()), rest}, 3);
}

/**
 * Waves [n, h * w] whose products with themselves make the frequencies (0, 0), (-1, 0), (0, -1) and (-1, -1) of a
 * picture: the real part of the sum of four. A side of 1 has the frequency 0 alone.
 */
mx::array lowest_waves(int height, int width) {
  std::vector<float> waves;
  int count = 0;
  for (const int down : {0, 1})
    for (const int across : {0, 1}) {
      if ((down && height == 1) || (across && width == 1)) continue;
      const auto angle = [&](int y, int x) {
        return 2 * std::numbers::pi *
               (down * static_cast<double>(y) / height + across * static_cast<double>(x) / width);
      };
      for (const bool sine : {false, true}) {
        if (sine && !down && !across) continue;
        ++count;
        for (int y = 0; y < height; ++y)
          for (int x = 0; x < width; ++x)
            waves.push_back(static_cast<float>(sine ? std::sin(angle(y, x)) : std::cos(angle(y, x))));
      }
    }
  return mx::array(waves.begin(), {count, height * width}, mx::float32);
}

mx::array filtered(const mx::array& skip, const mx::array& scale) {
  const int height = skip.shape(1), width = skip.shape(2);
  const auto waves = lowest_waves(height, width);
  const auto x = mx::reshape(to_float(skip), {skip.shape(0), height * width, skip.shape(3)});
  const auto found = mx::matmul(waves, x) * mx::array(1.f / static_cast<float>(height * width));
  const auto low = mx::reshape(mx::matmul(mx::transpose(waves), found), skip.shape());
  return mx::astype(to_float(skip) + (scale - mx::array(1.f)) * low, skip.dtype());
}

}  // namespace

std::pair<mx::array, mx::array> joined(const mx::array& up, const mx::array& skip, const CallInputs::Gain& gain) {
  return {gain.backbone ? amplified(up, gain) : up, gain.skip ? filtered(skip, *gain.skip) : skip};
}

}  // namespace corepulse::unet
