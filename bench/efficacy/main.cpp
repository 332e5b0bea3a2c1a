// How well control works on the built-in model, judged by a network:
//   efficacy run OUT [--quick --tuning 24 --held-out 64 --seeds 2 --steps 20 ...]   draws and judges: OUT/facts.json.gz
//   efficacy keep OUT... --device NAME                                              joins parts: bench/efficacy/results
//   efficacy report                                                 from these, without a GPU: docs/efficacy.md, sheets

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>

#include "corepulse/error.h"

#include "base/fail.h"
#include "io/file.h"
#include "report.h"
#include "run.h"

namespace corepulse::efficacy {

namespace {

void add_run(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("run", "Draw every variant of every pair and judge it");
  command->add_option("out", options.out, "The folder for facts.json.gz and pictures.ppm")->required();
  command->add_option("--judge", options.judge, "The judge's weights")->capture_default_str();
  command->add_option("--objects", options.objects, "models/sprites/objects.json")->capture_default_str();
  command->add_option("--tuning", options.tuning, "Pairs that choose blocks and windows")->capture_default_str();
  command->add_option("--held-out", options.held_out, "Pairs that are reported")->capture_default_str();
  command->add_option("--seeds", options.seeds, "Pictures of each")->capture_default_str();
  command->add_option("--steps", options.steps)->capture_default_str();
  command->add_option("--batch", options.batch, "Images of one request")->capture_default_str();
  command->add_option("--multiple", options.multiple, "Fill batches up to a multiple of this many, for few shapes")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--minutes", options.minutes, "No pair is begun after that")->capture_default_str();
  command->add_option("--shard", options.shard, "This part of the pairs, 0 ..")->capture_default_str();
  command->add_option("--shards", options.shards, "of so many")->capture_default_str();
  command->add_option("--pictures", options.pictures, "Held-out pairs whose pictures are kept")->capture_default_str();
  command
      ->add_option("--suites", options.suites, "inject region mask places roles edit negative guide led picture [all]")
      ->delimiter(',');
  const std::map<std::string, Options::Part> parts{
      {"both", Options::Part::both}, {"tuning", Options::Part::tuning}, {"held_out", Options::Part::held_out}};
  command->add_option("--part", options.part, "Only these pairs")->transform(CLI::CheckedTransformer(parts));
  command->add_option("--tuned", options.tuned, "Folders of a run over the tuning pairs, which chooses variants");
  command->add_flag("--check", options.check, "Only resolve every recipe");
  command->add_flag("--quick{false}", options.all, "Few variants instead of all");
  command->callback([&options] { Runner{options}(); });
}

struct Report {
  std::vector<std::filesystem::path> parts{EFFICACY_ROOT "/bench/efficacy/results"};
  std::filesystem::path docs = EFFICACY_ROOT "/docs", results = EFFICACY_ROOT "/bench/efficacy/results";
  std::string device;
  bool check = false;
};

/** The page that is there must be the one that the facts make: nobody edits it by hand, no facts change unreported. */
void check(const Report& report, const std::filesystem::path& objects) {
  const auto facts = load_facts(report.parts, objects, Pictures::leave);
  const auto page = report.docs / "efficacy.md";
  if (io::read_file(page, size_t{1} << 20) != report_text(facts))
    fail(ErrorCode::bad_file, page.string(), "is not what the facts say; write it with `efficacy report`");
  for (const auto& tile : shown_tiles(facts))
    if (!std::any_of(facts.tiles.begin(), facts.tiles.end(), [&](const Tile& t) { return same(t, tile); }))
      fail(ErrorCode::bad_file, "pictures",
           fmt::format("none of {}, {}, pair {}; a sheet shows it", tile.suite, tile.variant, tile.pair));
}

void write(const Report& report, const std::filesystem::path& objects) {
  const auto facts = load_facts(report.parts, objects, Pictures::load);
  write_sheets(facts, report.docs / "efficacy");
  std::ofstream(report.docs / "efficacy.md") << report_text(facts);
}

void add_report(CLI::App& app, const Options& options, Report& report) {
  auto* command = app.add_subcommand("report", "Write the page and its picture sheets from the facts that were kept");
  command->add_option("parts", report.parts, "Other folders of facts");
  command->add_option("--docs", report.docs, "Where to write")->capture_default_str();
  command->add_flag("--check", report.check, "Only compare the page");
  command->callback([&] { (report.check ? check : write)(report, options.objects); });
}

/** Of thousands of pictures the sheets show a few: these go into the repository. */
void keep(const Report& report, const std::filesystem::path& objects) {
  auto facts = load_facts(report.parts, objects, Pictures::load);
  const auto shown = shown_tiles(facts);
  std::erase_if(facts.tiles, [&](const Tile& tile) {
    return std::none_of(shown.begin(), shown.end(), [&](const Tile& t) { return same(t, tile); });
  });
  facts.device = report.device;
  save_facts(facts, report.results, Kept::webp);
}

void add_keep(CLI::App& app, const Options& options, Report& report) {
  auto* command = app.add_subcommand("keep", "Join the parts of a run into the facts that a report reads");
  command->add_option("parts", report.parts, "Folders that `run` wrote")->required();
  command->add_option("--device", report.device, "What it ran on, in the words of the page")->required();
  command->add_option("--results", report.results, "Where to write")->capture_default_str();
  command->callback([&] { keep(report, options.objects); });
}

int run(int argc, char** argv) {
  Options options;
  Report report;
  options.judge = EFFICACY_ROOT "/models/judge/judge.safetensors";
  options.objects = EFFICACY_ROOT "/models/sprites/objects.json";
  CLI::App app("Measures how well control works");
  app.require_subcommand(1);
  add_run(app, options);
  add_keep(app, options, report);
  add_report(app, options, report);
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error);
  } catch (const Error& error) {
    std::fprintf(stderr, "efficacy: %s\n", error.what());
    return exit_status(error.code());
  }
}

}  // namespace
}  // namespace corepulse::efficacy

int main(int argc, char** argv) {
  return corepulse::efficacy::run(argc, argv);
}
