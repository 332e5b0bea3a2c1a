#pragma once
// One tiny picture beside stored numbers.

#include <iterator>
#include <vector>

#include "corepulse/doctor.h"
#include "corepulse/error.h"

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

/** Whether an error is about what the caller asked for or has, files among it, or a stop; else it is a finding. */
bool concerns_caller(const Error& error);

/** The whole test. A run that failed inside is a failed test; one without enough memory says nothing of the device.
 * @throws Error that concerns_caller. */
SelfTest self_test(const LoadOptions& load, const std::shared_ptr<const std::atomic<bool>>& stop);

}  // namespace corepulse::doctor
