#pragma once
// One tiny picture beside stored numbers.

#include <iterator>
#include <vector>

#include "corepulse/doctor.h"

namespace corepulse::doctor {

/** Pixels of the self-test's picture, each way; of them in one mean colour; of it in one number of a latent. */
constexpr int kSide = 64, kPart = 8, kLatent = 8;
constexpr int kParts = kSide / kPart, kLatents = 4 * (kSide / kLatent) * (kSide / kLatent);

/** What a run gave: the final latents as torch orders them, and mean colours, row by row, 0..255. */
struct Numbers {
  std::vector<float> latents, colours;
};

/** The run itself. @throws Error. */
Numbers run_self_test(const LoadOptions& load, const std::shared_ptr<const std::atomic<bool>>& stop);

/** Those of a CPU in float32. */
const Numbers& stored_numbers();

/** Compares; `device_class` as in SelfTest. */
SelfTest judge(const std::string& device_class, const Numbers& numbers);

/** The whole test; a run that failed is a failed test. @throws Error{cancelled}. */
SelfTest self_test(const LoadOptions& load, const std::shared_ptr<const std::atomic<bool>>& stop);

}  // namespace corepulse::doctor
