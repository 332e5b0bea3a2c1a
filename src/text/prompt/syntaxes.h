#pragma once
// One reader for each tool's prompts: read_prompt.h without the choice.

#include <string_view>

#include "base/prompt_text.h"

namespace corepulse::text {

/** `(more)`, `[less]`, `(cat:1.2)`, each multiplying those around it; BREAK; a backslash before a bracket or another.
 */
PromptText read_a1111(std::string_view written);
/** `(more)` multiplies, `(cat:1.2)` sets; a backslash before a bracket, a brace or a bar. */
PromptText read_comfy(std::string_view written);
/** `more++`, `less-`, `(a cat)1.2`, `"a cat"1.2`, `(a cat).attend(1.2)`, each multiplying those around it. */
PromptText read_compel(std::string_view written);

}  // namespace corepulse::text
