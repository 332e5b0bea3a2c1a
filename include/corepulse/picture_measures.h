#pragma once
// How far two pictures are apart, as a whole or outside a region.
//
//   const auto mask = corepulse::region_mask(corepulse::rectangle(0, 0, 0.5, 1), a.width, a.height);
//   const double left = corepulse::structural_similarity(a, b, mask);

#include <vector>

#include "corepulse/image.h"
#include "corepulse/region.h"

namespace corepulse {

/**
 * Mean distance of the channels, 0 (equal) to 1 (black and white). @param weights one per pixel, row after row, 0 or
 * more: how much it counts; empty: all alike. @throws Error{invalid_request} for pictures of different sizes, another
 * number of weights, or weights that are all 0.
 */
double mean_difference(const Image& a, const Image& b, const std::vector<double>& weights = {});

/**
 * SSIM (Wang et al. 2004), at most 1 (equal), of the luminances 0.299 R + 0.587 G + 0.114 B: Gaussian windows of 11 x
 * 11 pixels and sigma 1.5, whose weights sum to 1 also where the picture's edge cuts them, K1 = 0.01, K2 = 0.03. The
 * mean over all pixels, by the weights. Parameters and errors as above.
 */
double structural_similarity(const Image& a, const Image& b, const std::vector<double>& weights = {});

/** The region's value at every pixel of a picture, 0..1. @throws Error as a run would for such a region. */
std::vector<double> region_mask(const Region& region, int width, int height);

}  // namespace corepulse
