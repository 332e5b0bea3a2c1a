#pragma once
// Pictures between the machine that draws and the one that makes the sheets: one plain PPM file, no picture library.

#include <filesystem>
#include <vector>

#include "corepulse/image.h"

namespace corepulse::efficacy {

/** Half the width and height, means of 2x2. */
Image halved(const Image& image);
/** Square pictures of one size, row by row, in one. */
Image gathered(const std::vector<Image>& pictures);
/** The first `count` pictures of `side` pixels again. @throws Error{bad_file} naming `where` if there are fewer. */
std::vector<Image> parted(const Image& grid, int side, size_t count, const std::filesystem::path& where);
/** @throws Error io. */
void save_ppm(const Image& image, const std::filesystem::path& file);
/** @throws Error not_found, bad_file. */
Image load_ppm(const std::filesystem::path& file);

}  // namespace corepulse::efficacy
