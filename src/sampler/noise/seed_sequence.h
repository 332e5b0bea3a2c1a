#pragma once
// numpy.random.SeedSequence, which torchsde takes the seeds of its tree from.

#include <cstdint>
#include <vector>

namespace corepulse::sampler {

/** The first `count` words of numpy.random.SeedSequence(entropy, spawn_key=spawn_key, pool_size=pool_size). */
std::vector<uint32_t> seed_words(uint64_t entropy, const std::vector<uint64_t>& spawn_key, size_t pool_size,
                                 size_t count);

}  // namespace corepulse::sampler
