#pragma once
// The betas a model was trained with, as cumulative products of 1 - beta, in Diffusers' float32 arithmetic.

#include <string_view>
#include <vector>

namespace corepulse::sampler {

/**
 * n falling values in (0, 1), each a float32.
 * @param schedule "scaled_linear" (Stable Diffusion), "linear" or "squaredcos_cap_v2" (ignores the two
 *        betas).
 * @throws Error bad_file for betas outside 0 < beta_start <= beta_end < 1 or n outside 2..100000,
 *         unsupported_model for another schedule.
 */
std::vector<double> alphas_cumprod(double beta_start, double beta_end, std::string_view schedule, int n = 1000);

/** Zero terminal SNR (Lin et al. 2023, algorithm 1): sqrt(abar) shifted and scaled so that the last value is 0. */
std::vector<double> rescale_zero_terminal_snr(const std::vector<double>& alphas_cumprod);

}  // namespace corepulse::sampler
