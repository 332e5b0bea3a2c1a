#pragma once
// What people should know of a run before it begins.

#include <string>
#include <vector>

#include "corepulse/recipe.h"

#include "control/program/program.h"
#include "pipeline/prepare/outline.h"
#include "pipeline/prepare/program_inputs.h"

namespace corepulse::pipeline {

/** The model's own, and where the recipe takes it for what it does not look like: to start from pure noise, few_steps.
 */
std::vector<std::string> notes_of_model(const Recipe& recipe, const Outline& outline);

/** Of the prompts in syntax plain: the words behind the last token that is read. */
void note_cuts(const Recipe& recipe, const Outline& outline, const Words& words, std::vector<std::string>& notes);

/** Words of all texts that the run reads which the built-in model does not know and no file defines, in one note. */
void note_unknown_words(const std::vector<std::string>& texts, const Outline& outline,
                        const std::optional<Embeddings>& embeddings, std::vector<std::string>& notes);

/** The controls of a program that change nothing. @param list "" or "edits[0]: ". */
std::vector<std::string> neutral_notes(const control::Program& program, const std::string& list = "");

}  // namespace corepulse::pipeline
