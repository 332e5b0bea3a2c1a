#pragma once
// Sweeps: one recipe, some of its fields over many values, a picture and a row of a table for each.
//
//   corepulse::Sweep sweep;
//   sweep.recipe = R"({"version": 1, "prompt": "a cat in a park",
//     "controls": [{"kind": "inject", "prompt": "a dragon"}]})";
//   sweep.axes = {corepulse::parse_sweep_axis("where=input:0,middle:0,output:1"),
//                 corepulse::parse_sweep_axis("strength=0..1:5")};
//   corepulse::run_sweep(sweep, {.folder = "out"});  // 15 pictures, cells.csv, sheet.png, sheet.html
//
// Docs: docs/sweeps.md.

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/model.h"
#include "corepulse/pipeline.h"
#include "corepulse/recipe.h"

namespace corepulse {

/** A field of the recipe, and what it becomes. */
struct SweepField {
  /** "controls[0].strength"; or "{animal}": this word wherever a text of the recipe holds it. */
  std::string path;
  std::vector<std::string> values;  ///< Each as JSON: `0.5`, `"a cat"`; `null`: the recipe is without the field.
  bool operator==(const SweepField&) const = default;
};

/** A row of values. Its fields change together: in cell after cell the first values of all, the second ... */
struct SweepAxis {
  std::string name;  ///< Heads its column; "": made of the paths.
  std::vector<SweepField> fields;
  std::vector<std::string> labels;  ///< One per value; empty: made of the values.
  bool operator==(const SweepAxis&) const = default;
};

/**
 * The cross product of the axes: the last one changes from cell to cell, the first one last. On sheets the first has a
 * row each, the second a column, all others a page.
 */
struct Sweep {
  std::string recipe;           ///< What all cells have in common, as JSON: with the axes' values in it a recipe.
  std::vector<SweepAxis> axes;  ///< None: one cell.
  std::string folder;           ///< The recipes' relative paths are seen from it; "": the current one.
  std::string title = {};       ///< Above the sheets; "": the prompt, if it is the same in all cells.
  bool operator==(const Sweep&) const = default;

  static constexpr size_t kMostCells = 100000;
};

/** Reads a file of docs/sweeps.md, strictly. @throws Error{invalid_request} naming the field. */
Sweep sweep_from_json(std::string_view text);
std::string to_json(const Sweep& sweep, int indent = 2);

/** "strength=0..1:5", the short form of the command line. @throws Error{invalid_request}. */
SweepAxis parse_sweep_axis(std::string_view text);
/** Lets the fields of `other` change together with the axis. @throws Error{invalid_request}: another number of values.
 */
SweepAxis zipped(SweepAxis axis, SweepAxis other);

/** One picture of a sweep. */
struct SweepCell {
  size_t index = 0;
  std::vector<std::string> labels;  ///< Of its values, one per axis.
  Recipe recipe;
};

/** How many there are. @throws Error{invalid_request} for an axis that is wrong, or more than kMostCells. */
size_t cell_count(const Sweep& sweep);
/**
 * All of them, in order, checked as recipe_from_json does. @throws Error{invalid_request} that lists what is wrong with
 * which cells, all of it up to 20 lines.
 */
std::vector<SweepCell> cells(const Sweep& sweep);

/** What a sweep will draw. */
struct SweepForecast {
  size_t cells = 0, plain = 0;  ///< Still to be drawn; plain: the pictures without controls to compare with.
  double seconds = 0;           ///< Roughly, of all of it; 0: it is not known before the first picture.
};

/** What the callback gets after every cell. */
struct SweepProgress {
  size_t cell = 0;          ///< Its index.
  size_t done = 0, of = 0;  ///< Cells of this call, this one included.
  double seconds = 0;       ///< Its drawing took.
  std::string label;        ///< "where input:0, strength 0.25".
};

struct SweepOptions {
  std::filesystem::path folder = "sweep";  ///< Made where it is missing.
  bool resume = false;                     ///< Go on with what lies in the folder.
  int shard = 0, shards = 1;               ///< Draws the cells whose index is `shard` modulo `shards`.
  /** Cells that one call of the UNet draws, at most: see generate_together. 0: as many as are fastest, up to 8. */
  int together = 0;
  LoadOptions::Device device = LoadOptions::Device::automatic;
  std::function<void(const SweepForecast&)> begin;     ///< Called when all is checked, before the first picture.
  std::function<bool(const SweepProgress&)> progress;  ///< Return false to stop, as Error{cancelled}.
  std::shared_ptr<const std::atomic<bool>> stop;       ///< As Request::stop.
};

/** What is in the folder afterwards. */
struct SweepReport {
  size_t cells = 0, done = 0;                 ///< Of the whole sweep; that have a picture in this folder.
  size_t drawn = 0;                           ///< By this call.
  std::filesystem::path table;                ///< cells.csv; cells.jsonl beside it holds the same.
  std::vector<std::filesystem::path> sheets;  ///< One PNG a page, and the HTML page last; none for a shard.
  std::vector<std::string> notes;
};

/** Checks every cell against its model, without weights. @throws as run_sweep. */
SweepForecast forecast(const Sweep& sweep, const SweepOptions& options = {});

/**
 * Draws the cells that have no picture yet, one after the other. Whatever ends it, a call with `resume` goes on where
 * it ended: a cell is in the journal only when its picture is on the disk.
 * @throws Error invalid_request: a cell is wrong (before anything is drawn), the folder holds a sweep and `resume` is
 *   not set, or another sweep or shard; io; all that generate throws.
 */
SweepReport run_sweep(const Sweep& sweep, const SweepOptions& options = {});

/**
 * One folder with the pictures, table and sheets of a sweep of which shards lie in several.
 * @throws Error invalid_request (of different sweeps), not_found, bad_file, io.
 */
SweepReport merge_sweeps(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& out);

/**
 * Which block decides what, when: `other` is read instead of the recipe's prompt in each block that reads texts (a row
 * each, and one for all), in each part of the run: structure (sigma 15..3), features (3..0.5), detail (0.5..0), whole.
 */
Sweep role_map(const ModelInfo& model, const Recipe& recipe, const std::string& other);

}  // namespace corepulse
