#include "sweep/plan.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "base/fail.h"
#include "io/file.h"

namespace corepulse::sweep {

namespace {

bool changes_picture(const Control& control) {
  return control.enabled && !std::holds_alternative<Capture>(control.effect);
}

/** All lists of controls that a recipe has. */
std::vector<const std::vector<Control>*> lists_of(const Recipe& recipe) {
  std::vector<const std::vector<Control>*> lists{&recipe.controls};
  for (const auto& edit : recipe.edits) lists.push_back(&edit.controls);
  if (recipe.second_pass && recipe.second_pass->controls) lists.push_back(&*recipe.second_pass->controls);
  return lists;
}

/** LoRAs that are the same in all cells: the plain pictures have them, too, for they are as much as another model. */
std::vector<Control> common_loras(const std::vector<Recipe>& recipes) {
  std::vector<Control> common;
  for (const auto& control : recipes.empty() ? std::vector<Control>() : recipes[0].controls) {
    if (!std::holds_alternative<Lora>(control.effect)) continue;
    const bool everywhere = std::all_of(recipes.begin(), recipes.end(), [&](const Recipe& recipe) {
      return std::find(recipe.controls.begin(), recipe.controls.end(), control) != recipe.controls.end();
    });
    if (everywhere) common.push_back(control);
  }
  return common;
}

/** Only a run knows where it is, from step to step. */
bool follows_picture(const Region& region) {
  return region.shape == Region::Shape::attention ||
         std::any_of(region.parts.begin(), region.parts.end(), follows_picture);
}

bool has(const std::vector<Control>& list, const Control& control) {
  return std::find(list.begin(), list.end(), control) != list.end();
}

bool is_plain(const Recipe& recipe, const std::vector<Control>& kept) {
  const auto lists = lists_of(recipe);
  return std::none_of(lists.begin(), lists.end(), [&](const auto* list) {
    return std::any_of(list->begin(), list->end(),
                       [&](const Control& control) { return changes_picture(control) && !has(kept, control); });
  });
}

Recipe without_controls(Recipe recipe, const std::vector<Control>& kept) {
  const auto leave = [&](std::vector<Control>& list) {
    list.erase(std::remove_if(list.begin(), list.end(), [&](const Control& control) { return !has(kept, control); }),
               list.end());
  };
  leave(recipe.controls);
  recipe.edits.clear();
  if (recipe.second_pass && recipe.second_pass->controls) {
    leave(*recipe.second_pass->controls);
    if (*recipe.second_pass->controls == recipe.controls) recipe.second_pass->controls.reset();
  }
  return recipe;
}

}  // namespace

Plan::Plan(const Sweep& sweep) : cells(sweep) {
  for (auto& cell : corepulse::cells(sweep)) recipes.push_back(std::move(cell.recipe));
  const auto loras = common_loras(recipes);
  std::map<std::string, size_t> numbers;
  for (const auto& recipe : recipes) {
    auto& number = plain_of.emplace_back();
    if (is_plain(recipe, loras)) continue;
    auto bare = without_controls(recipe, loras);
    const auto [at, fresh] = numbers.emplace(to_json(bare, -1), plain.size());
    if (fresh) plain.push_back(std::move(bare));
    number = at->second;
  }
  const auto same = [&](const Recipe& recipe) { return recipe.prompt == recipes[0].prompt; };
  title = sweep.title;
  if (title.empty() && std::all_of(recipes.begin(), recipes.end(), same))
    title = fmt::format("\"{}\"", recipes[0].prompt);
}

std::vector<Region> regions_of(const Recipe& recipe) {
  std::vector<Region> regions;
  for (const auto* list : lists_of(recipe))
    for (const auto& control : *list) {
      if (!changes_picture(control)) continue;
      if (control.region) regions.push_back(*control.region);
      if (const auto* parts = std::get_if<Regions>(&control.effect))
        for (const auto& part : parts->prompts) regions.push_back(part.region);
    }
  if (std::any_of(regions.begin(), regions.end(), follows_picture)) return {};
  return regions;
}

io::Json head_of(const Sweep& sweep, int shard, int shards) {
  return {{"journal", 1},
          {"sweep", io::parse_json(to_json(sweep, -1), "sweep", {}, ErrorCode::invalid_request)},
          {"shard", {shard, shards}}};
}

Found found_in(const JournalText& journal, const std::filesystem::path& folder) {
  Found found;
  for (size_t i = 1; i < journal.entries.size(); ++i) {
    const auto& entry = journal.entries[i];
    if (entry.contains("drawn_plain")) {
      if (!entry["drawn_plain"].is_number_unsigned())
        fail(ErrorCode::bad_file, "journal", "a plain picture has no number");
      const auto number = entry["drawn_plain"].get<size_t>();
      if (io::is_there(folder / plain_name(number))) found.plain.insert(number);
      continue;
    }
    auto row = row_of(entry);
    if (io::is_there(folder / picture_name(row.cell))) found.rows.insert_or_assign(row.cell, std::move(row));
  }
  return found;
}

}  // namespace corepulse::sweep
