#pragma once
// Text in EXIF, for JPEG and WebP: "parameters" is the UserComment, as A1111 writes it; all other
// text is one JSON object in the MakerNote.

#include <string>
#include <string_view>

#include "corepulse/image.h"

namespace corepulse::io {

/** A big-endian TIFF structure. */
std::string write_exif(const ImageText& text);

/** Other programs' data is taken as far as it can be read: comments of either byte order, and ComfyUI's "prompt:" where
 * the camera's model would stand. @throws Error bad_file if our own
 * MakerNote is damaged. */
ImageText read_exif_text(std::string_view tiff, std::string_view file);

/** 1 (upright) to 8, as EXIF numbers them; 1 if unknown. */
int read_exif_orientation(std::string_view tiff);

/** The picture turned and mirrored so that it stands upright. */
Image upright(Image image, int orientation);

}  // namespace corepulse::io
