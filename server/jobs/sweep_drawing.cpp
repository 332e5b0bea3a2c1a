#include "jobs/sweep_drawing.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "corepulse/contact_sheet.h"
#include "corepulse/host/image_bytes.h"

#include "files/folder.h"
#include "files/shrink.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

constexpr size_t kMostOnSheet = 256;
constexpr int kCellSize = 256;  // pixels

}  // namespace

Recipe checked_sweep(const std::string& json, int most_cells, const std::function<Recipe(const Recipe&)>& open) {
  auto sweep = sweep_from_json(json);
  const auto count = cell_count(sweep);
  if (count > size_t(most_cells))
    throw Problem(400, "invalid_request",
                  fmt::format("[axes] {} cells; expected at most {}; this server's limit", count, most_cells));
  std::optional<Recipe> first;
  for (const auto& cell : cells(sweep)) {
    auto recipe = open(cell.recipe);
    if (!first) first = std::move(recipe);
  }
  return *first;
}

std::string joined(const std::vector<std::string>& labels) {
  return fmt::format("{}", fmt::join(labels, ", "));
}

int columns_of(const Sweep& sweep) {
  if (sweep.axes.empty() || sweep.axes.back().fields.empty()) return 1;
  return static_cast<int>(std::clamp<size_t>(sweep.axes.back().fields[0].values.size(), 1, 32));
}

std::optional<Image> sheet_of(const std::vector<std::pair<std::string, std::string>>& files, int columns,
                              const std::string& title) {
  if (files.empty() || files.size() > kMostOnSheet) return std::nullopt;
  std::vector<LabelledImage> pictures;
  for (const auto& [file, label] : files) pictures.push_back({shrunk(decode_image(read_file(file)), kCellSize), label});
  const auto& first = pictures[0].image;
  const bool even = std::all_of(pictures.begin(), pictures.end(), [&](const auto& one) {
    return one.image.width == first.width && one.image.height == first.height;
  });
  if (!even) return std::nullopt;  // a sheet has one grid
  return make_sheet(pictures, columns, title);
}

}  // namespace corepulse::server
