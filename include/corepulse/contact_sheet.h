#pragma once
// Several pictures side by side on one sheet, each with a label under it.

#include <string>
#include <vector>

#include "corepulse/image.h"

namespace corepulse {

struct LabelledImage {
  Image image;
  std::string label;  ///< Wrapped at spaces to the picture's width; at most four lines are shown.
};

/** Rows of `columns` pictures of equal size on white, under a title of at most two lines. */
Image make_sheet(const std::vector<LabelledImage>& pictures, int columns, const std::string& title = "");

}  // namespace corepulse
