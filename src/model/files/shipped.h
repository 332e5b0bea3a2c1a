#pragma once
// Files that come with the program: the built-in model and CLIP's vocabulary.

#include <filesystem>

namespace corepulse::model {

/**
 * Where a shipped file or folder lies, e.g. "models/builtin": below $COREPULSE_DATA, else
 * share/corepulse near the library, else the source tree it was built from. @throws Error{not_found} naming the places.
 */
std::filesystem::path shipped(const std::filesystem::path& relative);

std::filesystem::path builtin_folder();
/** CLIP's 49,408 tokens, for models that carry no tokenizer. */
std::filesystem::path clip_vocabulary();

}  // namespace corepulse::model
