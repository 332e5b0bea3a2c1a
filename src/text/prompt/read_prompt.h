#pragma once
// Prompts as people write them for other tools, to what the text encoders read.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corepulse/recipe.h"

#include "base/prompt_text.h"

namespace corepulse::text {

/**
 * The prompt without its syntax: emphasis as weights, BREAK as stretches that break, escapes undone. Prompt editing,
 * choices and AND are no part of it: see schedule.h, choices.h and split_prompts.
 * @throws Error{invalid_request} for a weight that is no finite number, for brackets nested too deep, for more than
 *   kMaxPromptBytes, for what a tool has and this program has not.
 */
PromptText read_prompt(std::string_view written, PromptSyntax syntax);

/** A1111's prompts joined by AND, each with its weight ("a cat :1.2 AND a dog"): one of weight 1 where there is none.
 */
std::vector<std::pair<std::string, double>> split_prompts(std::string_view written);

}  // namespace corepulse::text
