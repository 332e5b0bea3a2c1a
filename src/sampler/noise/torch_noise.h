#pragma once
// torch.randn's float32 numbers, drawn by its CPU generator and by its CUDA generator.

#include <memory>
#include <vector>

#include "sampler/noise/noise.h"

namespace corepulse::sampler {

/** MT19937; only the seed's low 32 bits count. Within 1e-6 of torch, whose AVX code approximates log, sin and cos. */
std::unique_ptr<NoiseStream> make_torch_cpu_noise(uint64_t seed);

/** Philox4x32-10 as curand's Box-Muller reads it. Each next() is one torch call. */
std::unique_ptr<NoiseStream> make_philox_noise(uint64_t seed);

/** The product of a shape. */
size_t element_count(const std::vector<int>& shape);

}  // namespace corepulse::sampler
