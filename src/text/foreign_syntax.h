#pragma once
// What other programs read as syntax in a prompt, and this one draws as text.

#include <string>
#include <string_view>
#include <vector>

#include "corepulse/recipe.h"

namespace corepulse::text {

struct ForeignSyntax {
  std::string seen;                   ///< "(cat:1.2)", as it stands in the prompt.
  std::string meaning;                ///< "a weight": what it is elsewhere.
  std::string instead;                ///< What does that here; "": nothing.
  std::vector<PromptSyntax> read_by;  ///< Where it is syntax here, too.
};

/**
 * The first of each kind, in order of the kinds: weights, prompt editing, alternation, BREAK, AND, networks,
 * embeddings, choices, wildcards. Punctuation that ordinary text has is none of them.
 */
std::vector<ForeignSyntax> foreign_syntax(std::string_view prompt);

}  // namespace corepulse::text
