// Dynamic thresholding (mcmonkey4eva 2023), with sd-dynamic-thresholding's defaults: see
// control/effects/guidance/thresholded.cpp. The percentile is torch's quantile: linear between the nearest two numbers.
#include <algorithm>

#include "sampler/guidance/guidance.h"
#include "sampler/guidance/products.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

/** [B, 1, C] of x [B, n, C], not negative: the number that this share of each channel's numbers is below. */
mx::array quantile(const mx::array& x, double share) {
  const auto in_order = mx::sort(x, 1);
  const int last = x.shape(1) - 1;
  const double at = share * last;
  const int first = static_cast<int>(at), second = std::min(first + 1, last);
  const auto number = [&](int i) { return mx::slice(in_order, {0, i, 0}, {x.shape(0), i + 1, x.shape(2)}); };
  return number(first) + times(at - first, number(second) - number(first));
}

}  // namespace

mx::array thresholded(const mx::array& guided, const mx::array& mimic, double percentile, double strength) {
  const mx::Shape flat{guided.shape(0), guided.shape(1) * guided.shape(2), guided.shape(3)};
  const auto centered = [&](const mx::array& x) { return x - mx::mean(x, 1, true); };
  const auto all = mx::reshape(guided, flat), own = centered(all);
  const auto range = mx::max(mx::abs(centered(mx::reshape(mimic, flat))), 1, true);
  const auto most = mx::maximum(range, quantile(mx::abs(own), percentile));
  const auto cut = mx::clip(own, -most, most) * quotient(range, most) + mx::mean(all, 1, true);
  return mx::reshape(all + times(strength, cut - all), guided.shape());
}

}  // namespace corepulse::sampler
