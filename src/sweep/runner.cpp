#include "sweep/runner.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "corepulse/picture_measures.h"

#include "base/fail.h"
#include "io/file.h"
#include "sweep/layout.h"

namespace corepulse::sweep {

namespace fs = std::filesystem;

namespace {

std::string key_of(const Recipe& recipe) {
  return to_json(model_part(recipe), -1);
}

void make_folders(const fs::path& folder) {
  std::error_code error;
  for (const char* part : {"cells", "plain"}) {
    fs::create_directories(folder / part, error);
    if (error)
      fail(ErrorCode::io, "sweep",
           fmt::format("cannot make the folder {}: {}", io::shown(folder / part), error.message()));
  }
}

/** What a process that was killed had begun to write. */
void remove_half_files(const fs::path& folder) {
  for (const auto& part : {folder, folder / "cells", folder / "plain"}) {
    std::error_code ignored;
    for (fs::directory_iterator at(part, ignored), end; at != end; at.increment(ignored)) {
      const auto name = at->path().filename().string();
      if (name.starts_with(".corepulse-") && name.ends_with(".tmp")) fs::remove(at->path(), ignored);
    }
  }
}

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

Runner::Runner(const Sweep& sweep, const SweepOptions& options, Artist& artist)
    : options_(options), artist_(artist), plan_(sweep) {
  if (options.shards < 1 || options.shard < 0 || options.shard >= options.shards)
    fail(ErrorCode::invalid_request, "shard",
         fmt::format("{} of {}; expected 0 to {}", options.shard, options.shards, options.shards - 1));
  head_ = head_of(sweep, options.shard, options.shards);
  look_into_folder();
  for (size_t i = size_t(options.shard); i < plan_.recipes.size(); i += size_t(options.shards))
    if (!found_.rows.count(i)) pending_.push_back(i);
  std::map<std::string, size_t> first;  // cell of each model
  std::map<size_t, size_t> first_of;    // cell with this one's model
  for (const auto i : pending_) first_of[i] = first.emplace(key_of(plan_.recipes[i]), i).first->second;
  std::stable_sort(pending_.begin(), pending_.end(),
                   [&](size_t a, size_t b) { return first_of.at(a) < first_of.at(b); });
  std::set<size_t> needed;
  for (const auto i : pending_)
    if (const auto number = plan_.plain_of[i]; number && !found_.plain.count(*number) && needed.insert(*number).second)
      pending_plain_.push_back(*number);
}

void Runner::look_into_folder() {
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
    if (row.recipe.contains("made_with") && row.recipe["made_with"].contains("model"))
      models_.emplace(key_of(plan_.recipes[cell]), row.recipe["made_with"]["model"].dump());
  }
}

SweepForecast Runner::forecast() {
  Complaints complaints;
  SweepForecast out{pending_.size(), pending_plain_.size(), 0};
  std::string model;
  double each = 0;
  bool known = true;
  std::set<size_t> plain(pending_plain_.begin(), pending_plain_.end());
  for (const auto i : pending_) {
    if (options_.stop && *options_.stop) fail(ErrorCode::cancelled, "sweep", "stopped; nothing was drawn");
    try {
      artist_.check(plan_.recipes[i]);
      if (const auto number = plan_.plain_of[i]; number && plain.erase(*number)) artist_.check(plan_.plain[*number]);
      if (auto key = key_of(plan_.recipes[i]); key != model) {
        model = std::move(key);
        each = artist_.seconds(plan_.recipes[i]);  // of the first cell of each model: it is rough
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

SweepReport Runner::run() {
  const auto expected = forecast();
  if (options_.begin) options_.begin(expected);
  make_folders(options_.folder);
  Journal journal(options_.folder);
  if (journal_in(options_.folder)->entries.size() != entries_)
    fail(
        ErrorCode::io, "sweep",
        fmt::format("another process drew into {} meanwhile; --resume goes on from there", io::shown(options_.folder)));
  remove_half_files(options_.folder);  // the journal is locked: nobody else writes here
  if (journal.empty()) journal.append(head_);
  for (size_t k = 0; k < pending_.size(); ++k) draw(pending_[k], journal, k + 1);
  SweepReport report{plan_.recipes.size(), found_.rows.size(), pending_.size(), {}, {}, {}};
  report.table = write_tables(plan_.cells, found_.rows, options_.folder);
  if (options_.shards == 1) report.sheets = write_sheets(plan_, found_.rows, options_.folder);
  return report;
}

void Runner::draw(size_t cell, Journal& journal, size_t done) {
  const auto& recipe = plan_.recipes[cell];
  Row row{cell, recipe.seeds[0]};
  row.plain = plan_.plain_of[cell];
  const Image* bare = row.plain ? &plain(*row.plain, journal) : nullptr;
  const auto file = options_.folder / picture_name(cell);
  const auto drawn = artist_.draw(recipe, file.parent_path());
  check_model(recipe, drawn.recipe.made_with.model);
  row.seconds = drawn.seconds;
  row.recipe = io::parse_json(to_json(recipe_for_folder(drawn.recipe, options_.folder), -1), "recipe");
  if (bare) compare(row, drawn.image, drawn.recipe, *bare);
  save_image(drawn.image, file, drawn.text);  // under its name only when all of it is on the disk
  journal.append(to_entry(row));
  found_.rows.insert_or_assign(cell, std::move(row));
  const SweepProgress at{cell, done, pending_.size(), drawn.seconds, plan_.cells.title(cell)};
  if (options_.progress && !options_.progress(at))
    fail(ErrorCode::cancelled, "sweep", "stopped; what was drawn is kept, --resume goes on");
}

const Image& Runner::plain(size_t number, Journal& journal) {
  if (plain_number_ == number) return plain_image_;
  plain_number_.reset();
  const auto file = options_.folder / plain_name(number);
  if (found_.plain.count(number)) {
    plain_image_ = load_image(file);
  } else {
    auto drawn = artist_.draw(plan_.plain[number], file.parent_path());
    check_model(plan_.plain[number], drawn.recipe.made_with.model);
    save_image(drawn.image, file, drawn.text);
    journal.append({{"drawn_plain", number}});
    found_.plain.insert(number);
    plain_image_ = std::move(drawn.image);
  }
  plain_number_ = number;
  return plain_image_;
}

void Runner::compare(Row& row, const Image& image, const Recipe& resolved, const Image& bare) {
  row.difference = mean_difference(image, bare);
  row.ssim = structural_similarity(image, bare);
  const auto& recipe = plan_.recipes[row.cell];
  if (regions_of(recipe).empty()) return;
  const auto& weights = outside_of(recipe, resolved, image);
  if (std::accumulate(weights.begin(), weights.end(), 0.0) < 1) return;  // nothing is outside
  row.outside_difference = mean_difference(image, bare, weights);
  row.outside_ssim = structural_similarity(image, bare, weights);
}

const std::vector<double>& Runner::outside_of(const Recipe& recipe, const Recipe& resolved, const Image& image) {
  auto regions = regions_of(recipe);
  const std::pair size{image.width, image.height};
  if (regions != outside_regions_ || size != outside_size_) {
    outside_ = outside_mask(regions, resolved, image);
    outside_regions_ = std::move(regions);
    outside_size_ = size;
  }
  return outside_;
}

void Runner::check_model(const Recipe& asked, const std::string& fingerprint) {
  const auto here = io::Json(fingerprint).dump();
  const auto [before, fresh] = models_.emplace(key_of(asked), here);
  if (!fresh && before->second != here)
    fail(ErrorCode::invalid_request, "sweep",
         "the model is not the one that drew the cells before; expected the same files, or another folder");
}

}  // namespace corepulse::sweep

namespace corepulse {

SweepForecast forecast(const Sweep& sweep, const SweepOptions& options) {
  sweep::PipelineArtist artist(options.device, options.stop);
  return sweep::Runner(sweep, options, artist).forecast();
}

SweepReport run_sweep(const Sweep& sweep, const SweepOptions& options) {
  sweep::PipelineArtist artist(options.device, options.stop);
  return sweep::Runner(sweep, options, artist).run();
}

}  // namespace corepulse
