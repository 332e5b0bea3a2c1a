#include "sweep/drawn_rows.h"

#include <algorithm>
#include <numeric>

#include "corepulse/picture_measures.h"

namespace corepulse::sweep {

namespace {

/** The mask of all regions, of the picture that their pixels mean, at the size of the finished one. */
std::vector<double> outside_mask(const std::vector<Region>& regions, const Recipe& resolved, const Image& image) {
  const int width = resolved.width > 0 ? resolved.width : image.width;
  const int height = resolved.height > 0 ? resolved.height : image.height;
  std::vector<double> inside(size_t(width) * height);
  for (const auto& region : regions) {
    const auto mask = region_mask(region, width, height);
    for (size_t i = 0; i < inside.size(); ++i) inside[i] = std::max(inside[i], mask[i]);
  }
  std::vector<double> weights;
  weights.reserve(size_t(image.width) * image.height);
  for (int y = 0; y < image.height; ++y)  // a second pass may be larger
    for (int x = 0; x < image.width; ++x)
      weights.push_back(
          1 - inside[size_t(int64_t(y) * height / image.height) * width + size_t(int64_t(x) * width / image.width)]);
  return weights;
}

}  // namespace

Row DrawnRows::row(size_t cell, const Drawn& drawn, const Image* bare) {
  Row row{cell, plan_.recipes[cell].seeds[0]};
  row.plain = plan_.plain_of[cell];
  row.seconds = drawn.seconds;
  row.recipe = io::parse_json(to_json(recipe_for_folder(drawn.recipe, folder_), -1), "recipe");
  if (bare) compare(row, drawn, *bare);
  return row;
}

void DrawnRows::compare(Row& row, const Drawn& drawn, const Image& bare) {
  row.difference = mean_difference(drawn.image, bare);
  row.ssim = structural_similarity(drawn.image, bare);
  const auto& recipe = plan_.recipes[row.cell];
  if (regions_of(recipe).empty()) return;
  const auto& weights = outside_of(recipe, drawn);
  if (std::accumulate(weights.begin(), weights.end(), 0.0) < 1) return;  // nothing is outside
  row.outside_difference = mean_difference(drawn.image, bare, weights);
  row.outside_ssim = structural_similarity(drawn.image, bare, weights);
}

const std::vector<double>& DrawnRows::outside_of(const Recipe& recipe, const Drawn& drawn) {
  auto regions = regions_of(recipe);
  const std::pair size{drawn.image.width, drawn.image.height};
  if (regions != outside_regions_ || size != outside_size_) {
    outside_ = outside_mask(regions, drawn.recipe, drawn.image);
    outside_regions_ = std::move(regions);
    outside_size_ = size;
  }
  return outside_;
}

}  // namespace corepulse::sweep
