#include "sweep_flags.h"

#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>
#include <vector>

#include "corepulse/error.h"

#include "commands/commands.h"
#include "load_flags.h"
#include "mpi_sweep.h"
#include "target.h"
#include "terminal/interrupt.h"
#include "terminal/progress.h"

namespace corepulse::cli {

namespace {

/** "2/8" -> {2, 8}: the numbers of SLURM's and GNU parallel's jobs, from 0. */
std::pair<int, int> shard_of(const std::string& text) {
  if (text.empty()) return {0, 1};
  std::pair<int, int> shard;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, shard.first);
  if (first.ec == std::errc() && first.ptr != end && *first.ptr == '/') {
    const auto second = std::from_chars(first.ptr + 1, end, shard.second);
    if (second.ec == std::errc() && second.ptr == end && shard.first >= 0 && shard.first < shard.second) return shard;
  }
  throw Error(ErrorCode::invalid_request,
              fmt::format("[--shard] \"{}\" is no shard; expected I/N with I from 0 to N-1, as 0/8", text));
}

std::string amount(const SweepForecast& forecast) {
  auto text = fmt::format("{} picture{} to draw", forecast.cells, forecast.cells == 1 ? "" : "s");
  if (forecast.plain > 0) text += fmt::format(", and {} without controls to compare with", forecast.plain);
  return text + (forecast.seconds > 0 ? fmt::format("; about {}", duration(forecast.seconds))
                                      : std::string("; the first will tell how long they take"));
}

/** One line a cell, but not more than one a second, and how long it will take still. */
class CellLines {
 public:
  explicit CellLines(bool quiet) : quiet_(quiet) {}

  void begin() { begin_ = std::chrono::steady_clock::now(); }

  bool operator()(const SweepProgress& at) {
    const auto now = std::chrono::steady_clock::now();
    const bool due = at.done == 1 || at.done == at.of || now - printed_ > std::chrono::seconds(1);
    if (due && !quiet_) {
      const double passed = std::chrono::duration<double>(now - begin_).count();
      note(fmt::format("{}/{} {}  {:.1f} s, {} left", at.done, at.of, at.label, at.seconds,
                       duration(passed / double(at.done) * double(at.of - at.done))),
           false);
      printed_ = now;
    }
    return !interrupted();
  }

 private:
  bool quiet_;
  std::chrono::steady_clock::time_point begin_, printed_;
};

/** What would be drawn, cell by cell. */
void print_cells(const Sweep& sweep, const SweepForecast& forecast, bool json) {
  auto list = nlohmann::json::array();
  const auto all = cells(sweep);
  for (const auto& cell : all) {
    std::string labels;
    for (const auto& label : cell.labels) labels += (labels.empty() ? "" : " | ") + label;
    if (json)
      list.push_back(
          {{"cell", cell.index}, {"labels", cell.labels}, {"recipe", nlohmann::json::parse(to_json(cell.recipe))}});
    else
      fmt::print("{:>6}  {}\n", cell.index, labels);
  }
  if (json)
    return print_json(
        {{"cells", list}, {"to_draw", forecast.cells}, {"plain", forecast.plain}, {"seconds", forecast.seconds}});
  fmt::print("{} cells; {}\n", all.size(), amount(forecast));
}

}  // namespace

void add_sweep_flags(CLI::App& command, SweepFlags& flags) {
  command
      .add_option("-o,--output", flags.folder,
                  fmt::format("The folder for pictures, table and sheets [{}]", flags.folder))
      ->group("Output");
  command.add_flag("--dry-run", flags.dry_run, "Check and list the cells, draw nothing")->group("Output");
  command.add_flag("--resume", flags.resume, "Go on with what lies in the folder, whatever ended it")->group("Output");
  command.add_option("--shard", flags.shard, "I/N: only the cells I, I+N, I+2N, ...; --merge puts shards together")
      ->group("Output");
  command
      .add_option("--together", flags.together,
                  "Cells of one shape that a call of the network draws, at most; 0: as many as are fastest [0]")
      ->check(CLI::Range(0, 64))
      ->group("Output");
  add_device_flag(command, flags.device);
  command.add_flag("-q,--quiet", flags.quiet, "No progress, no notes")->group("Output");
}

void check_seed(const std::string& seed, const SweepFlags& flags) {
  const char* beside = flags.resume ? "--resume" : !flags.shard.empty() ? "--shard" : nullptr;
  if (seed != "random" || (!beside && !started_by_mpi())) return;
  throw Error(
      ErrorCode::invalid_request,
      fmt::format("[--seed] random beside {}: each call, and each process, would draw another sweep; expected a "
                  "number, the same for all",
                  beside ? beside : "mpirun"));
}

void print_report(const SweepReport& report, bool quiet, bool json) {
  for (const auto& line : report.notes) note("note: " + line, quiet);
  std::vector<std::string> files{report.table.string()};
  for (const auto& sheet : report.sheets) files.push_back(sheet.string());
  if (json)
    return print_json({{"cells", report.cells},
                       {"done", report.done},
                       {"drawn", report.drawn},
                       {"files", files},
                       {"notes", report.notes}});
  for (const auto& file : files) fmt::print("{}\n", file);
}

void draw_sweep(const Sweep& sweep, const SweepFlags& flags, bool json) {
  SweepOptions options;
  options.folder = expand_home(flags.folder);
  options.resume = flags.resume;
  std::tie(options.shard, options.shards) = shard_of(flags.shard);
  options.together = flags.together;
  options.device = load_options("auto", flags.device).device;
  options.stop = stop_flag();
  if (flags.dry_run) return print_cells(sweep, forecast(sweep, options), json);
  CellLines lines(flags.quiet);
  options.begin = [&](const SweepForecast& forecast) {
    note(amount(forecast), flags.quiet);
    lines.begin();
  };
  options.progress = [&](const SweepProgress& at) { return lines(at); };
  const auto done = [&](const SweepReport& report) { print_report(report, flags.quiet, json); };
  if (started_by_mpi()) return draw_with_mpi(sweep, options, done);
  done(run_sweep(sweep, options));
}

}  // namespace corepulse::cli
