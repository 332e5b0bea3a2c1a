#pragma once
// Pictures between the machine that draws and the one that makes the sheets: one plain PPM file, no picture library.

#include <filesystem>
#include <vector>

#include "corepulse/image.h"

namespace corepulse::efficacy {

/** Half the width and height, means of 2x2. */
Image halved(const Image& image);
/** Pictures of one size, one below the other. @throws Error io. */
void save_column(const std::vector<Image>& pictures, const std::filesystem::path& file);
/** Square pictures again. @throws Error not_found, bad_file. */
std::vector<Image> load_column(const std::filesystem::path& file);

}  // namespace corepulse::efficacy
