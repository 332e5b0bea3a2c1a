// Shards of a sweep as one.

#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "corepulse/sweep.h"

#include "base/fail.h"
#include "io/file.h"
#include "sweep/files/mask_files.h"
#include "sweep/files/same_files.h"
#include "sweep/journal.h"
#include "sweep/ledger.h"
#include "sweep/sheet/layout.h"

namespace corepulse::sweep {

namespace fs = std::filesystem;

namespace {

struct Shard {
  fs::path folder;
  io::Json head;
  Found found;
};

Shard read_shard(const fs::path& folder) {
  const auto journal = journal_in(folder);
  if (!journal || journal->entries.empty())
    fail(ErrorCode::not_found, "merge",
         fmt::format("{} holds no sweep: it has no {}", io::shown(folder), kJournalName));
  const auto& head = journal->entries[0];
  if (!head.is_object() || !head.contains("sweep") || !head.contains("shard"))
    fail(ErrorCode::bad_file, "merge", fmt::format("the journal of {} does not begin as one", io::shown(folder)));
  return {folder, head, found_in(*journal, folder)};
}

/** Before anything is written. @throws Error{invalid_request} where shards were drawn from different weights, say. */
void check_files(const std::vector<Shard>& shards, const Plan& plan) {
  SameFiles files;
  for (const auto& shard : shards)
    for (const auto& [cell, row] : shard.found.rows) {
      if (cell >= plan.recipes.size()) fail(ErrorCode::bad_file, "merge", fmt::format("a row of cell {}", cell));
      files.check(plan.recipes[cell], row.recipe);
    }
}

/** The recipe as another folder sees it. */
Recipe moved(const Recipe& recipe, const fs::path& from, const fs::path& to) {
  return recipe_for_folder(recipe_from_folder(recipe, from), to);
}

/** Likewise, with the masks that are files of the sweep's folder. */
io::Json moved_row_recipe(io::Json recipe, const fs::path& from, const fs::path& to) {
  put_in_masks(recipe, from);
  recipe = io::parse_json(to_json(moved(recipe_from_json(recipe.dump()), from, to), -1), "recipe");
  take_out_masks(recipe, to);
  return recipe;
}

/** The picture with the paths of its recipe as they are from its new place. */
void take_picture(const fs::path& from, const fs::path& to) {
  auto text = load_image_text(from);
  if (const auto own = text.find("corepulse"); own != text.end()) {
    const auto recipe = recipe_from_json(own->second);
    if (const auto there = moved(recipe, from.parent_path(), to.parent_path()); there != recipe) {
      own->second = to_json(there, -1);
      return save_image(load_image(from), to, text);
    }
  }
  const auto bytes = io::read_file(from, size_t{512} << 20);
  io::write_file(to, std::as_bytes(std::span(bytes)));
}

}  // namespace

}  // namespace corepulse::sweep

namespace corepulse {

SweepReport merge_sweeps(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& out) {
  using namespace sweep;
  if (folders.empty()) fail(ErrorCode::invalid_request, "merge", "no folder; expected those of all shards");
  std::vector<Shard> shards;
  for (const auto& folder : folders) shards.push_back(read_shard(folder));
  for (const auto& shard : shards)
    if (shard.head["sweep"] != shards[0].head["sweep"])
      fail(ErrorCode::invalid_request, "merge",
           fmt::format("{} and {} hold different sweeps", io::shown(folders[0]), io::shown(shard.folder)));
  const Plan plan(sweep_from_json(shards[0].head["sweep"].dump()));
  check_files(shards, plan);
  if (journal_in(out))
    fail(ErrorCode::invalid_request, "merge", fmt::format("{} holds a sweep itself; give another", io::shown(out)));
  make_folders(out);
  Table rows;
  std::set<size_t> plain;
  for (const auto& shard : shards) {
    for (const auto& [cell, row] : shard.found.rows) {
      if (!rows.emplace(cell, row).second) continue;  // drawn by two: one counts
      take_picture(shard.folder / picture_name(cell), out / picture_name(cell));
      rows[cell].recipe = moved_row_recipe(row.recipe, shard.folder, out);
    }
    for (const auto number : shard.found.plain)
      if (plain.insert(number).second) take_picture(shard.folder / plain_name(number), out / plain_name(number));
  }
  SweepReport report{plan.recipes.size(), rows.size(), 0, write_tables(plan.cells, rows, out), {}, {}};
  report.sheets = write_sheets(plan, rows, out);
  if (rows.size() < plan.recipes.size())
    report.notes.push_back(
        fmt::format("{} of {} cells are not drawn yet", plan.recipes.size() - rows.size(), plan.recipes.size()));
  return report;
}

}  // namespace corepulse
