// corepulse sweep: one recipe, some of its fields over many values.

#include "corepulse/sweep.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>

#include "corepulse/error.h"

#include "commands/commands.h"
#include "run_flags.h"
#include "sweep_flags.h"
#include "target.h"
#include "terminal/progress.h"

namespace corepulse::cli {

namespace {

struct SweepCommand {
  explicit SweepCommand(CLI::App& app) : command(app), run(app) {}
  CLI::App& command;
  RunFlags run;
  SweepFlags flags{.folder = "sweep"};
  std::string spec;
  std::vector<std::string> merge;
  CLI::Option *axis = nullptr, *zip = nullptr;
};

std::string text_of(const std::string& file) {
  std::ifstream stream(expand_home(file), std::ios::binary);
  if (!stream) throw Error(ErrorCode::not_found, fmt::format("[sweep] cannot read {}", file));
  return {std::istreambuf_iterator<char>(stream), {}};
}

/** "prompt=@prompts.txt": the file's lines, without empty ones. */
std::string with_file(const std::string& axis) {
  const auto equals = axis.find("=@");
  if (equals == axis.npos || equals != axis.find('=')) return axis;
  auto lines = nlohmann::json::array();
  const auto text = text_of(axis.substr(equals + 2));
  for (size_t at = 0; at < text.size();) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
    at = end + 1;
  }
  return axis.substr(0, equals + 1) + lines.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

/** In the order of the command line: a --zip goes with the --axis before it. */
std::vector<SweepAxis> axes_of(const SweepCommand& sweep) {
  std::vector<SweepAxis> axes;
  size_t axis = 0, zip = 0;
  for (const CLI::Option* option : sweep.command.parse_order()) {
    if (option == sweep.axis) axes.push_back(parse_sweep_axis(with_file(option->results().at(axis++))));
    if (option != sweep.zip) continue;
    if (axes.empty()) throw Error(ErrorCode::invalid_request, "[--zip] no --axis before it; it goes along with that");
    axes.back() = zipped(std::move(axes.back()), parse_sweep_axis(with_file(option->results().at(zip++))));
  }
  return axes;
}

/** What a file says all of is not said again by flags. */
void check_alone(const SweepCommand& sweep) {
  for (const CLI::Option* option : sweep.command.parse_order())
    if (option->get_group() != "Output" && option->get_name() != "--device" && !option->get_positional())
      throw Error(ErrorCode::invalid_request,
                  fmt::format("[sweep] {} beside {}; expected it in the file's recipe or axes", option->get_name(),
                              sweep.spec));
}

Sweep sweep_of(const SweepCommand& command) {
  if (!command.spec.empty()) {
    check_alone(command);
    auto sweep = sweep_from_json(text_of(command.spec));
    sweep.folder = std::filesystem::path(expand_home(command.spec)).parent_path().string();
    return sweep;
  }
  const auto& seeds = command.command.get_option("--seed")->results();
  check_seed(seeds.empty() ? "" : seeds.back(), command.flags);
  auto notes = command.run.notes();
  Sweep sweep{to_json(command.run.recipe(&notes), -1), axes_of(command), ""};
  for (const auto& line : notes) note("note: " + line, command.flags.quiet);
  if (sweep.axes.empty())
    throw Error(ErrorCode::invalid_request, "[sweep] nothing changes; expected a file, or --axis strength=0..1:5, say");
  return sweep;
}

const char* const kSweepExamples = R"(Examples:
  corepulse sweep -p "a cat in a park" --inject "a dragon" --axis where=input:0,middle:0,output:1
      --axis strength=0..1:5 -o dragons
      15 pictures, dragons/cells.csv, dragons/sheet.png, and dragons/sheet.html to look around in
  corepulse sweep -p "a {animal} in a park" --axis "{animal}=cat,dog,owl" --axis seed=1..8
  corepulse sweep -p "a cat in a park" --inject "a dragon" --axis "when=sigma 15..3,sigma 3..0.5" --dry-run
  corepulse sweep --recipe mine.json --axis prompt=@prompts.txt --axis guidance=1..7/2
  corepulse sweep -p "a cat in a park" --axis sampler=euler,heun --zip steps=20,10
      --zip changes along with the axis before it: two cells, not four
  corepulse sweep spec.json -o out --resume
  corepulse sweep spec.json -o out/3 --shard 3/8
  corepulse sweep --merge out/0 out/1 out/2 out/3 out/4 out/5 out/6 out/7 -o all
  mpirun -np 9 corepulse sweep spec.json -o out --resume
      the first process hands out cells, the other eight draw, if the program was built where Open MPI is

An axis is FIELD=VALUES. FIELD is a place in the recipe's JSON, as controls[0].strength, or one that controls alone
have, as strength; or a {word} that texts of the recipe hold. VALUES are a,b,c; from..to (steps of 1), from..to:count,
from..to/step; @FILE, a value a line; or a JSON list. The first axis is down the sheet, the second across.)";

}  // namespace

void add_sweep(CLI::App& app, Global& global) {
  auto* command =
      app.add_subcommand("sweep", "Draw a recipe over many values of its fields: pictures, a table, a sheet");
  command->footer(kSweepExamples);
  auto sweep = std::make_shared<SweepCommand>(*command);
  command->add_option("spec", sweep->spec, "A JSON file with recipe and axes, instead of the flags");
  sweep->axis = command->add_option(
      "--axis", [](const CLI::results_t&) { return true; },
      "FIELD=VALUES: a row (first), a column (second) or a page for each value");
  sweep->zip = command->add_option(
      "--zip", [](const CLI::results_t&) { return true; },
      "FIELD=VALUES that change along with those of the --axis before it");
  for (auto* option : {sweep->axis, sweep->zip})
    option->group("Axes")->type_name("TEXT")->type_size(1)->expected(1)->multi_option_policy(
        CLI::MultiOptionPolicy::TakeAll);
  auto* merge =
      command->add_option("--merge", sweep->merge, "Folders of shards: one table and sheet of all, nothing is drawn");
  merge->group("Output")->type_name("DIR")->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)->expected(1, 100000);
  add_sweep_flags(*command, sweep->flags);
  add_json_flag(*command, global);
  command->callback([sweep, &global] {
    if (sweep->merge.empty()) return draw_sweep(sweep_of(*sweep), sweep->flags, global.json);
    print_report(merge_sweeps({sweep->merge.begin(), sweep->merge.end()}, expand_home(sweep->flags.folder)),
                 sweep->flags.quiet, global.json);
  });
}

}  // namespace corepulse::cli
