#pragma once
// Pictures as plain bytes, and the text that travels inside their files.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace corepulse {

/** 8-bit RGB picture: pixels[(y * width + x) * 3 + channel], sRGB. */
struct Image {
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;
  std::vector<uint8_t> alpha;  ///< One per pixel, 255 opaque; empty: all opaque. Read from files, not written.
};

/** Text stored in a picture file: "parameters" (A1111's line), "corepulse" (our recipe as JSON). */
using ImageText = std::map<std::string, std::string>;

/**
 * Writes PNG, JPEG (quality 95, 4:4:4) or WebP (quality 95) by the file's extension, atomically: the
 * old file stays until the new one is complete. The same picture and text make the same bytes.
 * Text goes into PNG tEXt/iTXt chunks; in JPEG and WebP "parameters" is EXIF's UserComment, as A1111
 * has it, all other text our MakerNote. JPEG holds about 64 KB of text, "parameters" two bytes a letter.
 * @throws Error invalid_request (unknown extension, a size or text that the format cannot hold),
 *   not_found (no such folder), io.
 */
void save_image(const Image& image, const std::filesystem::path& file, const ImageText& text = {});

/**
 * Reads PNG, JPEG or WebP, told by the first bytes (at most 8192 x 8192 pixels, checked before
 * decoding; alpha over black; 16 bit to 8; EXIF rotation applied).
 * @throws Error not_found, io, bad_file.
 */
Image load_image(const std::filesystem::path& file);

/** The text of a picture file, without decoding its pixels. @throws Error not_found, io, bad_file. */
ImageText load_image_text(const std::filesystem::path& file);

/** Tells before a run whether save_image could store the text in a file of this name. @throws Error{invalid_request}.
 */
void check_text_fits(const ImageText& text, const std::filesystem::path& file);

/** Tells before a run whether a file could be written; changes nothing. @throws Error not_found (no folder), io. */
void check_writable(const std::filesystem::path& file);

}  // namespace corepulse
