// The picture sheets of the report, from the kept pictures.

#include <algorithm>
#include <fmt/format.h>

#include "choose.h"
#include "report.h"
#include "sheet.h"

namespace corepulse::efficacy {

namespace {

using cli::LabelledImage;

const Tile* find(const Facts& facts, const std::string& suite, const std::string& variant, int pair) {
  const auto found = std::find_if(facts.tiles.begin(), facts.tiles.end(), [&](const Tile& tile) {
    return tile.pair == pair && tile.suite == suite && tile.variant == variant;
  });
  return found == facts.tiles.end() ? nullptr : &*found;
}

std::vector<int> pairs_with(const Facts& facts, const std::string& suite) {
  std::vector<int> pairs;
  for (const auto& tile : facts.tiles)
    if (tile.suite == suite && (pairs.empty() || pairs.back() != tile.pair)) pairs.push_back(tile.pair);
  return pairs;
}

/** "output:0+1 | object | always" -> "output:0+1 object". */
std::string short_label(std::string name) {
  for (const auto& [from, to] : {std::pair<std::string, std::string>{" | always", ""},
                                 {"rest looks at the plain picture", "+ share"},
                                 {" | all", ""},
                                 {" | ", " "},
                                 {"CorePulse:", "CP:"},
                                 {"weight", "x"},
                                 {"whole prompt", "whole"}})
    for (size_t at = 0; (at = name.find(from, at)) != name.npos;) name.replace(at, from.size(), to);
  return name;
}

/** A row per pair: the variants side by side. */
void add_rows(const Facts& facts, const std::string& suite, const std::vector<std::string>& variants,
              std::vector<LabelledImage>& tiles) {
  for (const int pair : pairs_with(facts, suite)) {
    std::vector<LabelledImage> row;
    for (const auto& variant : variants)
      if (const auto* tile = find(facts, suite, variant, pair)) row.push_back({tile->image, short_label(variant)});
    if (row.size() == variants.size()) tiles.insert(tiles.end(), row.begin(), row.end());
  }
}

void save_rows(const Facts& facts, const std::vector<std::string>& suites, const std::vector<std::string>& variants,
               const std::filesystem::path& file) {
  std::vector<LabelledImage> tiles;
  for (const auto& suite : suites) add_rows(facts, suite, variants, tiles);
  if (!tiles.empty()) save_image(cli::make_sheet(tiles, int(variants.size())), file);
}

void save_roles(const Facts& facts, const std::filesystem::path& file) {
  const std::vector<std::string> variants{"plain",    "asked plainly", "input:0",      "input:1",
                                          "input:2",  "middle:0",      "output:0",     "output:1",
                                          "output:2", "sigma > 3",     "sigma 3..0.5", "sigma < 0.5"};
  std::vector<LabelledImage> tiles;
  for (const char* property : {"everything", "object", "scene", "colour", "style"}) {
    const auto suite = fmt::format("role of {}", property);
    const auto pairs = pairs_with(facts, suite);
    if (pairs.empty()) return;
    for (const auto& variant : variants) {
      const auto* tile = find(facts, suite, variant, pairs.front());
      if (!tile) return;
      tiles.push_back({tile->image, variant == "plain" ? fmt::format("plain ({})", property) : variant});
    }
  }
  save_image(cli::make_sheet(tiles, int(variants.size())), file);
}

}  // namespace

void write_sheets(const Facts& facts, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const std::string inject = ranking(facts, "inject").front(), region = ranking(facts, "region").front();
  save_rows(facts, {"inject"},
            {"plain", "asked plainly", inject, "output:0 | object | always", "output:0+1 | object | always",
             "CorePulse: middle:0 | object | weight 2", "CorePulse: output:0+1 | object | weight 2"},
            folder / "inject.webp");
  save_rows(facts, {"region"},
            {"plain", region, "all | whole prompt | always", "output:0+1 | object | always",
             "CorePulse: output:0+1 | object | weight 1", "CorePulse: output:0+1 | object | weight 2",
             "CorePulse: all | object | weight 2"},
            folder / "region.webp");
  save_rows(facts, {"mask one of two", "mask a colour"},
            {"plain", "asked plainly", "keep | all", "reencode | all", "CorePulse: logits x 0 | all"},
            folder / "mask.webp");
  save_rows(facts, {"places"},
            {"plain", "asked plainly", ranking(facts, "places").front(), "halves: objects | all",
             "CorePulse: two regional injections | all"},
            folder / "places.webp");
  save_roles(facts, folder / "roles.webp");
}

}  // namespace corepulse::efficacy
