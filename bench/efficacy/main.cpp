// How well control works on the built-in model, judged by a network:
//   efficacy run OUT [--quick --tuning 24 --held-out 64 --seeds 2 --steps 20 ...]   draws and judges ->
//   OUT/results.json efficacy report OUT... --docs docs                                             -> docs/efficacy.md
//   and its sheets

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>

#include "corepulse/error.h"

#include "report.h"
#include "run.h"

namespace corepulse::efficacy {

namespace {

void add_run(CLI::App& app, Options& options) {
  auto* command = app.add_subcommand("run", "Draw every variant of every pair and judge it");
  command->add_option("out", options.out, "The folder for results.json and pictures.ppm")->required();
  command->add_option("--judge", options.judge, "The judge's weights")->capture_default_str();
  command->add_option("--objects", options.objects, "models/sprites/objects.json")->capture_default_str();
  command->add_option("--tuning", options.tuning, "Pairs that choose blocks and windows")->capture_default_str();
  command->add_option("--held-out", options.held_out, "Pairs that are reported")->capture_default_str();
  command->add_option("--seeds", options.seeds, "Pictures of each")->capture_default_str();
  command->add_option("--steps", options.steps)->capture_default_str();
  command->add_option("--batch", options.batch, "Images of one request")->capture_default_str();
  command->add_option("--minutes", options.minutes, "No pair is begun after that")->capture_default_str();
  command->add_option("--shard", options.shard, "This part of the pairs, 0 ..")->capture_default_str();
  command->add_option("--shards", options.shards, "of so many")->capture_default_str();
  command->add_option("--pictures", options.pictures, "Held-out pairs whose pictures are kept")->capture_default_str();
  command->add_option("--suites", options.suites, "inject region mask places roles [all]")->delimiter(',');
  const std::map<std::string, Options::Part> parts{
      {"both", Options::Part::both}, {"tuning", Options::Part::tuning}, {"held_out", Options::Part::held_out}};
  command->add_option("--part", options.part, "Only these pairs")->transform(CLI::CheckedTransformer(parts));
  command->add_option("--tuned", options.tuned, "Folders of a run over the tuning pairs, which chooses variants");
  command->add_flag("--check", options.check, "Only resolve every recipe");
  command->add_flag("--quick{false}", options.all, "Few variants instead of all");
  command->callback([&options] { Runner{options}(); });
}

struct Report {
  std::vector<std::filesystem::path> parts;
  std::filesystem::path docs = EFFICACY_ROOT "/docs";
};

void write(const Report& report, const std::filesystem::path& objects) {
  const auto facts = load_facts(report.parts, objects);
  write_sheets(facts, report.docs / "efficacy");
  std::ofstream(report.docs / "efficacy.md") << report_text(facts);
}

void add_report(CLI::App& app, const Options& options, Report& report) {
  auto* command = app.add_subcommand("report", "Write the page and its picture sheets from the parts of a run");
  command->add_option("parts", report.parts, "Folders that `run` wrote")->required();
  command->add_option("--docs", report.docs, "Where to write")->capture_default_str();
  command->callback([&] { write(report, options.objects); });
}

int run(int argc, char** argv) {
  Options options;
  Report report;
  options.judge = EFFICACY_ROOT "/models/judge/judge.safetensors";
  options.objects = EFFICACY_ROOT "/models/sprites/objects.json";
  CLI::App app("Measures how well control works");
  app.require_subcommand(1);
  add_run(app, options);
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
