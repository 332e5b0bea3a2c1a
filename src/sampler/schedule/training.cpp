#include "sampler/schedule/training.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <numbers>

#include "base/fail.h"
#include "base/names.h"

namespace corepulse::sampler {
namespace {

// torch.linspace: from the start in the first half, from the end in the second, each with one fused rounding.
std::vector<float> linspace(float start, float end, int n) {
  const float step = (end - start) / static_cast<float>(n - 1);
  std::vector<float> values(n);
  for (int i = 0; i < n; ++i)
    values[i] =
        i < n / 2 ? std::fma(step, static_cast<float>(i), start) : std::fma(-step, static_cast<float>(n - 1 - i), end);
  return values;
}

std::vector<float> cosine_betas(int n) {
  const auto bar = [](double t) {
    const double c = std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2);
    return c * c;
  };
  std::vector<float> betas(n);
  for (int i = 0; i < n; ++i) {
    const double from = static_cast<double>(i) / n, to = static_cast<double>(i + 1) / n;
    betas[i] = static_cast<float>(std::min(1 - bar(to) / bar(from), 0.999));
  }
  return betas;
}

// torch.cumprod keeps a float64 product and rounds each value.
std::vector<double> products(const std::vector<float>& betas) {
  std::vector<double> result;
  double product = 1;
  for (const float beta : betas) {
    product *= 1.0f - beta;
    result.push_back(static_cast<float>(product));
  }
  return result;
}

}  // namespace

std::vector<double> alphas_cumprod(double beta_start, double beta_end, std::string_view schedule, int n) {
  if (n < 2 || n > 100000)
    fail(ErrorCode::bad_file, "scheduler_config", fmt::format("num_train_timesteps {}; expected 2..100000", n));
  if (!(beta_start > 0 && beta_start <= beta_end && beta_end < 1))
    fail(ErrorCode::bad_file, "scheduler_config",
         fmt::format("beta_start {}, beta_end {}; expected 0 < beta_start <= beta_end < 1", beta_start, beta_end));
  if (schedule == "squaredcos_cap_v2") return products(cosine_betas(n));
  if (schedule == "linear") return products(linspace(static_cast<float>(beta_start), static_cast<float>(beta_end), n));
  if (schedule == "scaled_linear") {
    auto betas = linspace(static_cast<float>(std::sqrt(beta_start)), static_cast<float>(std::sqrt(beta_end)), n);
    for (auto& beta : betas) beta *= beta;
    return products(betas);
  }
  fail(ErrorCode::unsupported_model, "scheduler_config",
       fmt::format("beta_schedule \"{}\"; {}", schedule.substr(0, 64),
                   choices(schedule, {"scaled_linear", "linear", "squaredcos_cap_v2"})));
}

std::vector<double> rescale_zero_terminal_snr(const std::vector<double>& alphas_cumprod) {
  if (alphas_cumprod.size() < 2) return alphas_cumprod;
  std::vector<float> root(alphas_cumprod.size());
  for (size_t i = 0; i < root.size(); ++i) root[i] = std::sqrt(static_cast<float>(alphas_cumprod[i]));
  const float first = root.front(), last = root.back();
  const float scale = first / (first - last);
  for (auto& value : root) value = (value - last) * scale;
  std::vector<float> betas(root.size());
  for (size_t i = 0; i < root.size(); ++i) {
    const float alpha = i == 0 ? root[0] * root[0] : (root[i] * root[i]) / (root[i - 1] * root[i - 1]);
    betas[i] = 1.0f - alpha;
  }
  return products(betas);
}

}  // namespace corepulse::sampler
