#pragma once
// The quantile of the symmetric Beta distribution, which the `beta` schedule spreads its levels by.

namespace corepulse::sampler {

/** x with P(X <= x) = p for X ~ Beta(shape, shape); p in 0..1, shape in (0, 1]. Accurate to 1e-12. */
double beta_quantile(double p, double shape);

}  // namespace corepulse::sampler
