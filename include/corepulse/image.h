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
};

/** Text stored in a picture file: "parameters" (A1111's line), "corepulse" (our recipe as JSON). */
using ImageText = std::map<std::string, std::string>;

/**
 * Writes PNG, JPEG or WebP by the file's extension, atomically (the old file stays until the new one is complete).
 * Text goes into PNG tEXt/iTXt chunks, JPEG/WebP EXIF UserComment or XMP.
 * @throws Error invalid_request (unknown extension), io.
 */
void save_image(const Image& image, const std::filesystem::path& file, const ImageText& text = {});

/** Reads PNG, JPEG or WebP (at most 64 MP, checked before decoding; alpha over black; 16 bit to 8). @throws Error. */
Image load_image(const std::filesystem::path& file);

/** The text of a picture file, without decoding its pixels. @throws Error. */
ImageText load_image_text(const std::filesystem::path& file);

}  // namespace corepulse
