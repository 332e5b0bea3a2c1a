#pragma once
// Where pictures go: one file, file-SEED.png for each of several, or a folder that names them itself.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "corepulse/recipe.h"

namespace corepulse::cli {

/**
 * One path per seed. `output` with an extension is a file: "cat.png", or "cat-3.png", "cat-4.png",
 * ... for several seeds (a seed that is given again: "cat-3-2.png"). Else it is a folder ("", ".", "out/"), where
 * pictures are named after prompt and seed, and none that exists is overwritten: "a-cat-in-a-park-3.png", then
 * "a-cat-in-a-park-3-2.png".
 */
std::vector<std::filesystem::path> output_files(const std::string& output, const std::string& prompt,
                                                const std::vector<uint64_t>& seeds);

/**
 * Finds out before a run whether the pictures could be written. Folders that are missing would be made: then it asks
 * about the nearest one that exists. @throws Error invalid_request (no picture's extension), not_found, io.
 */
void check_output(const std::vector<std::filesystem::path>& files);

/**
 * Finds out before a run whether the pictures' files can hold the recipe, small masks inside it: JPEG holds about 64 KB
 * of text.
 * @throws Error{invalid_request}; as explain.
 */
void check_recipe_fits(const Recipe& recipe, const std::vector<std::filesystem::path>& files);

/** The folder a file lies in; "." for the current one. */
std::filesystem::path folder_of(const std::filesystem::path& file);

/** "A cat, in a park!" -> "a-cat-in-a-park", at most 48 letters; "picture" when no ASCII letter is left. */
std::string slug(const std::string& text);

/** The nearest folder above the file that exists. */
std::filesystem::path nearest_folder(const std::filesystem::path& file);

/** Whether the name ends in .png, .jpg, .jpeg or .webp, in either case. */
bool is_picture_name(const std::filesystem::path& file);

}  // namespace corepulse::cli
