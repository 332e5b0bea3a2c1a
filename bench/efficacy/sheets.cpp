// The picture sheets of the report, from the kept pictures.

#include <algorithm>
#include <fmt/format.h>

#include "corepulse/contact_sheet.h"

#include "base/fail.h"
#include "choose.h"
#include "questions.h"
#include "report.h"

namespace corepulse::efficacy {

namespace {

struct Cell {
  Tile tile;  // without its picture
  std::string label;
};

struct Sheet {
  const char* file;
  int columns = 0;
  std::vector<Cell> cells;
};

std::vector<int> pairs_with(const Facts& facts, const std::string& suite) {
  std::vector<int> pairs;
  for (const auto& tile : facts.tiles)
    if (tile.suite == suite && (pairs.empty() || pairs.back() != tile.pair)) pairs.push_back(tile.pair);
  return pairs;
}

/** "middle:0 | object | always" -> "middle:0 object". */
std::string short_label(std::string name) {
  for (const auto& [from, to] : {std::pair<std::string, std::string>{" | always", ""},
                                 {"rest looks at the plain picture", "+ share"},
                                 {" | object | weight ", " x"},
                                 {" | all", ""},
                                 {" | ", " "},
                                 {"CorePulse:", "CP"},
                                 {"whole prompt", "whole"}})
    for (size_t at = 0; (at = name.find(from, at)) != name.npos;) name.replace(at, from.size(), to);
  return name;
}

/** A row per pair: the variants side by side, without those that were not drawn. */
Sheet rows(const Facts& facts, const char* file, const std::vector<std::string>& suites,
           std::vector<std::string> variants) {
  Sheet sheet{file, 0, {}};
  for (const auto& suite : suites) {
    const Query query(facts, suite, true);
    std::erase_if(variants, [&](const std::string& variant) { return !query.has(variant); });
    for (const int pair : pairs_with(facts, suite))
      for (const auto& variant : variants) sheet.cells.push_back({{suite, variant, pair, {}}, short_label(variant)});
  }
  sheet.columns = int(variants.size());
  return sheet;
}

Sheet roles(const Facts& facts) {
  const std::vector<std::string> variants{"plain",    "asked plainly", "input:0",      "input:1",    "input:2",
                                          "middle:0", "output:0",      "output:1",     "output:2",   "composition",
                                          "style",    "sigma > 3",     "sigma 3..0.5", "sigma < 0.5"};
  Sheet sheet{"roles.webp", int(variants.size()), {}};
  for (const char* property : {"everything", "object", "scene", "colour", "style"}) {
    const auto suite = fmt::format("role of {}", property);
    const auto pairs = pairs_with(facts, suite);
    if (pairs.empty()) continue;
    const auto known = std::find_if(pairs.begin(), pairs.end(), [&](int p) { return color_known(facts.pairs.at(p)); });
    const int pair = known == pairs.end() ? pairs.front() : *known;
    for (const auto& variant : variants)
      sheet.cells.push_back(
          {{suite, variant, pair, {}}, variant == "plain" ? fmt::format("plain ({})", property) : variant});
  }
  return sheet;
}

std::vector<Sheet> sheets(const Facts& facts) {
  const auto best = [&](const char* suite) { return ranking(facts, suite).front(); };
  return {rows(facts, "inject.webp", {"inject"},
               {"plain", "asked plainly", "middle:0 | object | always", "all | object | always",
                "CorePulse: middle:0 | object | weight 1", "CorePulse: middle:0 | object | weight 2",
                "CorePulse: all | object | weight 2"}),
          rows(facts, "region.webp", {"region"},
               {"plain", best("region"), "middle:0 | object | always", "all | whole prompt | always",
                "CorePulse: middle:0 | object | weight 1", "CorePulse: middle:0 | object | weight 2",
                "CorePulse: all | object | weight 2"}),
          rows(facts, "mask.webp", {"mask one of two", "mask a colour"},
               {"plain", "asked plainly", "keep | all", "reencode | all", "CorePulse: logits x 0 | all"}),
          rows(facts, "places.webp", {"places"},
               {"plain", "asked plainly", best("places"), "halves: objects | all",
                "CorePulse: two regional injections | all"}),
          rows(facts, "edit.webp", {"edit"},
               {"plain", "asked plainly", "inject at middle:0", "prompt_to_prompt", "prompt_to_prompt; self 0"}),
          rows(facts, "negative.webp", {"negative"},
               {"plain", "normalized_guidance; scale 2", "normalized_guidance; scale 8", "asked plainly"}),
          rows(facts, "guide.webp", {"guide"},
               {"plain", "identity; middle:0", "identity; all", "blur; middle:0", "blur; all"}),
          rows(facts, "led.webp", {"led"}, {"shown", "plain", "edges", "edges; strength 0.5", "edges; sigma > 3"}),
          rows(facts, "picture.webp", {"picture"},
               {"shown", "plain", "asked plainly", "picture", "picture; strength 0.6", "picture; middle:0"}),
          roles(facts)};
}

}  // namespace

bool same(const Tile& a, const Tile& b) {
  return a.suite == b.suite && a.variant == b.variant && a.pair == b.pair;
}

std::vector<Tile> shown_tiles(const Facts& facts) {
  std::vector<Tile> shown;
  for (const auto& sheet : sheets(facts))
    for (const auto& cell : sheet.cells) shown.push_back(cell.tile);
  return shown;
}

void write_sheets(const Facts& facts, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  for (const auto& sheet : sheets(facts)) {
    std::vector<LabelledImage> pictures;
    for (const auto& cell : sheet.cells) {
      const auto found =
          std::find_if(facts.tiles.begin(), facts.tiles.end(), [&](const Tile& t) { return same(t, cell.tile); });
      if (found == facts.tiles.end())
        fail(ErrorCode::bad_file, sheet.file,
             fmt::format("no picture of {}, {}, pair {} was kept", cell.tile.suite, cell.tile.variant, cell.tile.pair));
      pictures.push_back({found->image, cell.label});
    }
    if (!pictures.empty()) save_image(make_sheet(pictures, sheet.columns), folder / sheet.file);
  }
}

}  // namespace corepulse::efficacy
