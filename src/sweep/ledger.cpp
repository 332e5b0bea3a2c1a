#include "sweep/ledger.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

#include "base/fail.h"
#include "io/file.h"
#include "sweep/files/mask_files.h"
#include "sweep/sheet/layout.h"

namespace corepulse::sweep {

namespace fs = std::filesystem;

namespace {

/** What a process that was killed had begun to write. */
void remove_half_files(const fs::path& folder) {
  for (const auto& part : {folder, folder / "cells", folder / "plain", folder / kMasks}) {
    std::error_code ignored;
    for (fs::directory_iterator at(part, ignored), end; at != end; at.increment(ignored)) {
      const auto name = at->path().filename().string();
      if (name.starts_with(".corepulse-") && name.ends_with(".tmp")) fs::remove(at->path(), ignored);
    }
  }
}

/** Puts cells with the same key beside each other, in the order in which they come up. */
template <class Key>
void gather(std::vector<size_t>& cells, Key key) {
  std::map<std::string, size_t> first;  // cell of each key
  std::map<size_t, size_t> first_of;    // cell with this one's key
  for (const auto i : cells) first_of[i] = first.emplace(key(i), i).first->second;
  std::stable_sort(cells.begin(), cells.end(), [&](size_t a, size_t b) { return first_of.at(a) < first_of.at(b); });
}

}  // namespace

void make_folders(const fs::path& folder) {
  std::error_code error;
  for (const char* part : {"cells", "plain"}) {
    fs::create_directories(folder / part, error);
    if (error)
      fail(ErrorCode::io, "sweep",
           fmt::format("cannot make the folder {}: {}", io::shown(folder / part), error.message()));
  }
}

Ledger::Ledger(const Sweep& sweep, const SweepOptions& options) : options_(options), plan_(sweep) {
  if (options.shards < 1 || options.shard < 0 || options.shard >= options.shards)
    fail(ErrorCode::invalid_request, "shard",
         fmt::format("{} of {}; expected 0 to {}", options.shard, options.shards, options.shards - 1));
  head_ = head_of(sweep, options.shard, options.shards);
  look_into_folder();
  list_pending();
}

void Ledger::look_into_folder() {
  const auto journal = journal_in(options_.folder);
  entries_ = journal ? journal->entries.size() : 0;
  if (!journal && io::is_there(options_.folder / "cells.csv"))
    fail(ErrorCode::invalid_request, "sweep",
         fmt::format("{} holds a cells.csv and no journal beside it; expected another folder",
                     io::shown(options_.folder)));
  if (entries_ == 0) return;
  if (!options_.resume)
    fail(ErrorCode::invalid_request, "sweep",
         fmt::format("{} holds a sweep already; --resume goes on with it, or give another folder",
                     io::shown(options_.folder)));
  if (journal->entries[0] != head_)
    fail(ErrorCode::invalid_request, "sweep",
         fmt::format("{} holds another sweep, or another shard of this one; expected the same recipe, axes and shard, "
                     "or another folder",
                     io::shown(options_.folder)));
  found_ = found_in(*journal, options_.folder);
  for (const auto& [cell, row] : found_.rows) {
    if (cell >= plan_.recipes.size()) fail(ErrorCode::bad_file, "journal", fmt::format("a row of cell {}", cell));
    files_.check(plan_.recipes[cell], row.recipe);
  }
}

void Ledger::list_pending() {
  for (size_t i = size_t(options_.shard); i < plan_.recipes.size(); i += size_t(options_.shards))
    if (!has(i)) pending_.push_back(i);
  gather(pending_, [&](size_t i) { return to_json(shape_part(plan_.recipes[i]), -1); });
  gather(pending_, [&](size_t i) { return model_key(plan_.recipes[i]); });
  std::set<size_t> needed;
  for (const auto i : pending_)
    if (const auto number = plan_.plain_of[i]; number && !has_plain(*number) && needed.insert(*number).second)
      pending_plain_.push_back(*number);
}

SweepForecast Ledger::forecast(Artist& artist) const {
  Complaints complaints;
  SweepForecast out{pending_.size(), pending_plain_.size(), 0};
  std::string model;
  double each = 0;
  bool known = true;
  std::set<size_t> plain(pending_plain_.begin(), pending_plain_.end());
  for (const auto i : pending_) {
    if (options_.stop && *options_.stop) fail(ErrorCode::cancelled, "sweep", "stopped; nothing was drawn");
    try {
      artist.check(plan_.recipes[i]);
      if (const auto number = plan_.plain_of[i]; number && plain.erase(*number)) artist.check(plan_.plain[*number]);
      if (auto key = model_key(plan_.recipes[i]); key != model) {
        model = std::move(key);
        each = artist.seconds(plan_.recipes[i]);  // of the first cell of each model: it is rough
        known = known && each > 0;
      }
      out.seconds += each;
    } catch (const Error& error) {
      complaints.add(i, plan_.cells.title(i), error.what());
    }
  }
  complaints.raise();
  if (!pending_.empty()) out.seconds *= double(out.cells + out.plain) / double(out.cells);
  if (!known) out.seconds = 0;
  return out;
}

void Ledger::open() {
  make_folders(options_.folder);
  journal_ = std::make_unique<Journal>(options_.folder);
  if (journal_in(options_.folder)->entries.size() != entries_)
    fail(
        ErrorCode::io, "sweep",
        fmt::format("another process drew into {} meanwhile; --resume goes on from there", io::shown(options_.folder)));
  remove_half_files(options_.folder);  // the journal is locked: nobody else writes here
  if (journal_->empty()) journal_->append(head_);
}

void Ledger::add(Row row, const Save& save) {
  take_out_masks(row.recipe, options_.folder);
  files_.check(plan_.recipes[row.cell], row.recipe);
  save(options_.folder / picture_name(row.cell));
  journal_->append(to_entry(row));
  const auto cell = row.cell;
  found_.rows.insert_or_assign(cell, std::move(row));
}

void Ledger::add_plain(size_t number, const Recipe& resolved, const Save& save) {
  files_.check(plan_.plain[number], io::parse_json(to_json(resolved, -1), "recipe"));
  save(options_.folder / plain_name(number));
  journal_->append({{"drawn_plain", number}});
  found_.plain.insert(number);
}

SweepReport Ledger::close(size_t drawn) const {
  SweepReport report{plan_.recipes.size(), found_.rows.size(), drawn, {}, {}, {}};
  report.table = write_tables(plan_.cells, found_.rows, options_.folder);
  if (options_.shards == 1) report.sheets = write_sheets(plan_, found_.rows, options_.folder);
  return report;
}

}  // namespace corepulse::sweep
