#pragma once
// PNG, JPEG and WebP: one encoder, decoder and text reader each, from memory to memory.

#include <optional>
#include <string>
#include <string_view>

#include "corepulse/image.h"

namespace corepulse::io {

enum class ImageFormat { png, jpeg, webp };

constexpr uint64_t kMostPixels = 64u << 20;   ///< 8192 x 8192: what a picture may have to be decoded.
constexpr size_t kMostImageText = 16u << 20;  ///< Bytes of all text in one picture.
constexpr size_t kMostImageFile = 512u << 20;

/** By the first bytes; nullopt for anything else. */
std::optional<ImageFormat> image_format_of(std::string_view bytes);

/** @throws Error bad_file if a picture of this size must not be decoded; `file` names it. */
void check_image_size(uint64_t width, uint64_t height, std::string_view file);

/** A picture file in memory, upright. @throws Error bad_file. */
Image decode_image(std::string_view bytes, std::string_view file);

/** The text in a picture file in memory. @throws Error bad_file. */
ImageText read_image_text(std::string_view bytes, std::string_view file);

// Encoders: the same bytes for the same picture and text. @throws Error invalid_request (a picture
// or text that the format cannot hold), out_of_memory.
/** @param image one byte per pixel makes a grey picture. */
std::string encode_png(const Image& image, const ImageText& text);
/** The segment that holds the text in a JPEG. @throws Error{invalid_request} if it is too large for one. */
std::string jpeg_exif(const ImageText& text);
std::string encode_jpeg(const Image& image, const ImageText& text);
std::string encode_webp(const Image& image, const ImageText& text);

// Decoders to RGB. @throws Error bad_file naming `file`.
Image decode_png(std::string_view bytes, std::string_view file);
Image decode_jpeg(std::string_view bytes, std::string_view file);
Image decode_webp(std::string_view bytes, std::string_view file);

ImageText read_png_text(std::string_view bytes, std::string_view file);
/** The TIFF structure with the EXIF data; empty if there is none. Damage in the container ends the
 * search. */
std::string_view find_jpeg_exif(std::string_view bytes);
std::string_view find_webp_exif(std::string_view bytes);

/** A colour over black, `alpha` of 255. */
inline uint8_t over_black(uint8_t value, uint8_t alpha) {
  return static_cast<uint8_t>((value * alpha + 127) / 255);
}

/** An image whose pixels are RGBA: they become RGB over black, with the alpha beside them. */
void part_alpha(Image& image);

}  // namespace corepulse::io
