#pragma once
// Masks that recipes hold themselves, once in a sweep's folder instead of in every row of its journal, tables and page.

#include <filesystem>

#include "io/json.h"

namespace corepulse::sweep {

/** The folder of such files in a sweep's. */
constexpr const char* kMasks = "masks";

/**
 * Each picture inside a region of the recipe becomes a file named by its digest, and the recipe names that.
 * @throws Error{io}.
 */
void take_out_masks(io::Json& recipe, const std::filesystem::path& folder);

/** The reverse, for another folder to take them. @throws Error not_found, bad_file, io. */
void put_in_masks(io::Json& recipe, const std::filesystem::path& folder);

}  // namespace corepulse::sweep
