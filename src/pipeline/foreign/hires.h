#pragma once
// A1111's "Hires. fix" as a second pass.

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "corepulse/recipe.h"

namespace corepulse::pipeline {

/** What A1111's line says, by name. */
using ForeignSettings = std::map<std::string, std::string, std::less<>>;

/**
 * The second pass that the settings "Hires ..." and "Denoising strength" describe, taken out of them. Nothing, and the
 * settings as they are, where there is none or one of them is something that a second pass does not do alike.
 * @param recipe the first pass.
 */
std::optional<SecondPass> take_hires(ForeignSettings& settings, const Recipe& recipe);

}  // namespace corepulse::pipeline
