#include "pipeline/forecast/hints.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <set>

#include "base/ascii.h"
#include "control/kind.h"
#include "control/recipe/words.h"
#include "io/utf8.h"
#include "pipeline/prepare/visit_files.h"
#include "text/foreign_syntax.h"

namespace corepulse::pipeline {
namespace {

using Notes = std::vector<std::string>;

constexpr std::string_view kEmbedding = "embedding:";

/** "; syntax a1111 or comfy reads it". */
std::string readers(const std::vector<PromptSyntax>& read_by) {
  std::string names;
  for (const auto syntax : read_by) names += (names.empty() ? "" : " or ") + std::string(control::name_of(syntax));
  return names.empty() ? "" : fmt::format("; syntax {} reads it", names);
}

void syntax(const Recipe& recipe, const std::vector<control::ContextSpec>& texts, Notes& notes) {
  std::set<std::string> said;
  for (size_t id = 0; id < texts.size(); ++id) {
    if (!texts[id].picks.empty()) continue;  // made of other texts
    const char* where = id == 0 ? "the prompt" : texts[id].negative ? "the negative prompt" : "a control's prompt";
    for (const auto& [seen, meaning, instead, read_by] : text::foreign_syntax(texts[id].prompt)) {
      if (std::find(read_by.begin(), read_by.end(), recipe.syntax) != read_by.end()) continue;  // there it was escaped
      if (recipe.syntax == PromptSyntax::comfy && seen.starts_with(kEmbedding)) continue;       // words_without_files
      if (said.insert(meaning).second)
        notes.push_back(fmt::format("\"{}\" in {} is {} to other programs; here it is drawn as text{}{}",
                                    io::printable(seen), where, meaning, readers(read_by),
                                    instead.empty() ? "" : "; the control for it is " + instead));
    }
  }
}

/** ComfyUI's "embedding:name" that is no word of a file that was read. */
void words_without_files(const std::string& prompt, const std::optional<Embeddings>& read, Notes& notes) {
  for (auto at = prompt.find(kEmbedding); at != prompt.npos; at = prompt.find(kEmbedding, at + 1)) {
    const size_t begin = at + kEmbedding.size();
    const auto rest = std::string_view(prompt).substr(begin);
    const auto fits = [&](const Embedding& word) {
      return std::equal(word.name.begin(), word.name.end(), rest.begin(),
                        rest.begin() + static_cast<std::ptrdiff_t>(std::min(word.name.size(), rest.size())),
                        [](char a, char b) { return lower(a) == lower(b); });
    };
    if (read && std::any_of(read->files.begin(), read->files.end(), fits)) continue;
    notes.push_back(fmt::format(
        "there is no file for \"{}\": it is drawn as text; --embeddings names their folder",
        io::printable(prompt.substr(at, std::min(rest.find_first_of(" ,)\n"), rest.size()) + kEmbedding.size()))));
  }
}

void no_words(const std::vector<control::ContextSpec>& texts, Notes& notes) {
  const auto blank = [](const control::ContextSpec& text) {
    return text.negative || text.prompt.find_first_not_of(" \t\r\n") == std::string::npos;
  };
  if (std::all_of(texts.begin(), texts.end(), blank))
    notes.emplace_back("there is no prompt: the picture shows whatever its seed happens to give");
}

/** The largest of a shape's numbers, in its unit. */
double largest(const Region& region) {
  double most = std::max(region.radius, std::max(region.feather_width, region.blur_sigma));
  for (const auto& [x, y] : region.points) most = std::max({most, std::abs(x), std::abs(y)});
  return most;
}

/** Of a region and its parts, those whose unit does not fit their numbers. */
void units(const Region& region, Notes& notes) {
  for (const auto& part : region.parts) units(part, notes);
  constexpr double kMostFraction = 2, kLeastPixels = 1;
  const auto most = largest(region);
  const bool pixels = region.unit == LengthUnit::pixel;
  if (!pixels && most > kMostFraction)
    notes.push_back(
        fmt::format("a region reaches {} times the picture's size; numbers are fractions of it, and pixels "
                    "only with px (\"unit\": \"pixel\")",
                    most));
  if (pixels && most > 0 && most <= kLeastPixels)
    notes.push_back(
        fmt::format("a region reaches {} pixels; fractions of the picture are without px (\"unit\": "
                    "\"fraction\")",
                    most));
}

void units(const std::vector<Control>& controls, Notes& notes) {
  for (const auto& control : controls) each_region(control, [&](const Region& region) { units(region, notes); });
}

/** Images that are to be composed as another, but begin elsewhere. */
void seeds(const std::vector<Control>& controls, const std::vector<uint64_t>& all, Notes& notes) {
  for (const auto& control : controls) {
    const auto* edit = std::get_if<PromptToPrompt>(&control.effect);
    if (!edit) continue;
    for (size_t i = 0; i < all.size(); ++i)
      if (control::prompt_by(control, static_cast<int>(i)) && all[i] != all[static_cast<size_t>(edit->image)])
        notes.push_back(
            fmt::format("image {} looks as image {} does, but begins from seed {}, not {}: they will hardly be alike; "
                        "the same seed twice is --seed {},{}",
                        i, edit->image, all[i], all[edit->image], all[edit->image], all[edit->image]));
  }
}

}  // namespace

std::vector<std::string> hints(const Recipe& recipe, const std::vector<control::ContextSpec>& texts,
                               const std::optional<Embeddings>& read) {
  Notes notes;
  syntax(recipe, texts, notes);
  if (recipe.syntax == PromptSyntax::comfy)
    for (const auto& text : texts) words_without_files(text.prompt, read, notes);
  no_words(texts, notes);
  if (recipe.init && recipe.init->mask) units(*recipe.init->mask, notes);
  units(recipe.controls, notes);
  const bool alike = recipe.init && recipe.init->invert;  // whatever their seeds are
  if (!alike) seeds(recipe.controls, recipe.seeds, notes);
  if (recipe.second_pass && recipe.second_pass->controls) {
    units(*recipe.second_pass->controls, notes);
    seeds(*recipe.second_pass->controls, recipe.seeds, notes);
  }
  for (const auto& edit : recipe.edits) {
    units(edit.controls, notes);
    if (!alike) seeds(edit.controls, recipe.seeds, notes);
  }
  return notes;
}

}  // namespace corepulse::pipeline
