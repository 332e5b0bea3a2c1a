#pragma once
// Small pictures of large ones, for lists.

#include "corepulse/image.h"

namespace corepulse::server {

/** At most so many pixels wide and high, its proportions kept; each pixel the mean of those it stands for. */
Image shrunk(const Image& image, int most);

}  // namespace corepulse::server
