#pragma once
// Options as people spell them: other programs' names for ours, the nearest one, and what there is instead.

#include <string>
#include <vector>

namespace corepulse::cli {

/** The arguments with other programs' names of options (--negative-prompt, --cfg_scale) as ours. What stands behind
 * them is left alone, and so are options that mean something else there. */
std::vector<std::string> with_own_names(std::vector<std::string> arguments);

/** "unknown option --stpes; did you mean --steps?", or what there is instead of it. @param valid "steps", ... */
std::string unknown_option(const std::string& given, const std::vector<std::string>& valid);

}  // namespace corepulse::cli
