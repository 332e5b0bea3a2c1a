#include "sampler/schedule/sigma_table.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::sampler {

SigmaTable::SigmaTable(const Training& training, Compat compat)
    : compat_(compat), continuous_(training.edm.has_value()) {
  if (training.edm) {
    constexpr int kLevels = 1000;  // ComfyUI's
    const double least = std::log(training.edm->sigma_min), most = std::log(training.edm->sigma_max);
    for (int i = 0; i < kLevels; ++i) {
      log_sigmas_.push_back(least + i * ((most - least) / (kLevels - 1)));
      sigmas_.push_back(std::exp(log_sigmas_.back()));
    }
    sigmas_.front() = training.edm->sigma_min, sigmas_.back() = training.edm->sigma_max;
    return;
  }
  const double floor = compat == Compat::diffusers ? 0x1p-24 : 4.8973451890853435e-08;
  for (size_t i = 0; i < training.alphas_cumprod.size(); ++i) {
    double abar = training.alphas_cumprod[i];
    if (abar == 0 && i + 1 == training.alphas_cumprod.size()) abar = floor;
    // In float32, as the tools compute it: Diffusers truncates t at the table's very ends.
    const float a = static_cast<float>(abar);
    const float sigma = std::sqrt((1 - a) / a);
    sigmas_.push_back(sigma);
    log_sigmas_.push_back(static_cast<float>(std::log(sigmas_.back())));
    const bool falls = i == 0 || sigmas_[i] > sigmas_[i - 1];
    if (!(abar > 0 && abar <= 1 && falls))
      fail(ErrorCode::bad_file, "scheduler_config",
           fmt::format("alphas_cumprod[{}] is {}; expected values that fall within (0, 1]", i,
                       training.alphas_cumprod[i]));
  }
  if (size() < 2)
    fail(ErrorCode::bad_file, "scheduler_config", fmt::format("{} training timesteps; expected 2 or more", size()));
}

double SigmaTable::sigma(double t) const {
  t = std::clamp(t, 0.0, size() - 1.0);
  const int low = std::min(static_cast<int>(t), size() - 2);
  const double w = t - low;
  if (compat_ == Compat::diffusers) return sigmas_[low] + w * (sigmas_[low + 1] - sigmas_[low]);
  if (w == 0 || w == 1) return sigmas_[w == 0 ? low : low + 1];
  return std::exp((1 - w) * log_sigmas_[low] + w * log_sigmas_[low + 1]);
}

double SigmaTable::t(double sigma) const {
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  const auto above = std::upper_bound(log_sigmas_.begin(), log_sigmas_.end(), log_sigma);
  const int low = std::clamp(static_cast<int>(above - log_sigmas_.begin()) - 1, 0, size() - 2);
  const double w = std::clamp((log_sigma - log_sigmas_[low]) / (log_sigmas_[low + 1] - log_sigmas_[low]), 0.0, 1.0);
  if (compat_ == Compat::comfy) return w > 0.5 ? low + 1 : low;
  return (1 - w) * low + w * (low + 1);
}

}  // namespace corepulse::sampler
