#pragma once
// Picture files in memory, for those who send and receive them.
//
//   const auto png = corepulse::encode_image(result.images[0], ".png", corepulse::image_text(result, 0));
//   const auto image = corepulse::decode_image(png);

#include <string>
#include <string_view>

#include "corepulse/image.h"

namespace corepulse {

/** The bytes that save_image writes. @param extension ".png", ".jpg", ".jpeg" or ".webp". @throws as save_image. */
std::string encode_image(const Image& image, const std::string& extension, const ImageText& text = {});

/** What load_image makes of a file of these bytes. @param name of it in errors. @throws Error{bad_file}. */
Image decode_image(std::string_view bytes, const std::string& name = "the picture");

/** What load_image_text makes of a file of these bytes. @param name of it in errors. @throws Error{bad_file}. */
ImageText image_text_of(std::string_view bytes, const std::string& name = "the picture");

}  // namespace corepulse
