#pragma once
// For people: what a run draws as it is told, though it is rarely meant.

#include <string>
#include <vector>

#include "corepulse/recipe.h"

#include "control/texts/text_table.h"

namespace corepulse::pipeline {

/** One sentence each about syntax of other programs in a text, a run without any words, regions whose numbers are
 * of another unit, and images that are drawn as another from other noise. @param texts all of the run's. */
std::vector<std::string> hints(const Recipe& recipe, const std::vector<control::ContextSpec>& texts,
                               const std::optional<Embeddings>& read);

}  // namespace corepulse::pipeline
