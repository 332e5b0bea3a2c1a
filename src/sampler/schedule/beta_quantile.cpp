#include "sampler/schedule/beta_quantile.h"

#include <cmath>

namespace corepulse::sampler {
namespace {

// The hypergeometric series of the incomplete beta integral (DLMF 8.17.8): B_x(a, a) = x^a (1 - x)^a / a * sum_k
// prod_{j<=k} (2a + j - 1) / (a + j) x. Fast for x <= 1/2.
double lower_half(double x, double a) {
  double term = 1, sum = 1;
  for (int k = 1; k < 200 && term > sum * 1e-17; ++k) {
    term *= (2 * a + k - 1) / (a + k) * x;
    sum += term;
  }
  const double whole = std::tgamma(a) * std::tgamma(a) / std::tgamma(2 * a);
  return std::pow(x * (1 - x), a) / a * sum / whole;
}

}  // namespace

double beta_quantile(double p, double shape) {
  if (p <= 0) return 0;
  if (p >= 1) return 1;
  if (p == 0.5) return 0.5;  // exactly: the `beta` schedule rounds it
  if (p > 0.5) return 1 - beta_quantile(1 - p, shape);
  double low = 0, high = 0.5;
  for (int i = 0; i < 100 && high - low > 1e-16 * high; ++i) {
    const double middle = (low + high) / 2;
    (lower_half(middle, shape) < p ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace corepulse::sampler
