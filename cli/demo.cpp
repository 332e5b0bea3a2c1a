// corepulse demo: the same seed plain, and with another prompt read at one block after the other.

#include <filesystem>
#include <fmt/format.h>
#include <memory>

#include "corepulse/control.h"
#include "corepulse/pipeline.h"

#include "commands.h"
#include "interrupt.h"
#include "output.h"
#include "progress.h"
#include "run_flags.h"
#include "sheet.h"

namespace corepulse::cli {

namespace {

namespace fs = std::filesystem;

struct Demo {
  std::string output = "out", prompt = "a cat in a park", injected = "a dragon", seed = "3";
  int steps = 20;
  bool quiet = false;
};

/** One picture of the sheet; no sites: the plain run. */
struct Scene {
  const char* sites;
  const char* file;
};
constexpr Scene kScenes[] = {{"", "1-plain.png"},
                             {"output:0", "2-output-0.png"},
                             {"output:0, output:1", "3-output-0-and-1.png"},
                             {"output:1", "4-output-1.png"},
                             {"input:2", "5-input-2.png"},
                             {"input:0, input:1", "6-input-0-and-1.png"},
                             {"middle:0", "7-middle-0.png"},
                             {"output:2", "8-output-2.png"}};
constexpr int kColumns = 4;

std::string label(const Demo& demo, const Scene& scene) {
  return *scene.sites ? fmt::format("{} at {}", demo.injected, scene.sites) : demo.prompt;
}

void draw(const Demo& demo) {
  const fs::path folder = demo.output;
  for (const auto& scene : kScenes) check_output({folder / scene.file});
  note("loading the built-in model", demo.quiet);
  const auto pipeline = Pipeline::load({.model = "builtin"});
  std::vector<LabelledImage> pictures;
  double seconds = 0;
  for (const auto& scene : kScenes) {
    Request request;
    request.recipe.prompt = demo.prompt;
    request.recipe.seeds = {parse_seeds(demo.seed).front()};
    request.recipe.steps = demo.steps;
    if (*scene.sites) request.recipe.controls = {inject(demo.injected).at(scene.sites)};
    ProgressLine progress(fmt::format("{}/{} {:<24}", pictures.size() + 1, std::size(kScenes), label(demo, scene)),
                          demo.quiet);
    request.progress = progress.callback();
    const auto result = pipeline.generate(request);
    stop_if_interrupted();
    fs::create_directories(folder);
    save_image(result.images[0], folder / scene.file, image_text(result, 0));
    pictures.push_back({result.images[0], label(demo, scene)});
    seconds += result.seconds_steps;
  }
  const auto sheet = folder / "demo.png";
  save_image(make_sheet(pictures, kColumns), sheet);
  note(fmt::format(
           "\nThe same seed every time. In this model the object's identity is decided at output:0: there \"{}\"\n"
           "takes the place of the object; with output:1 it brings its colours too. The other blocks decide other\n"
           "things: input:2 the scene.\n"
           "{:.2f} s per step, {} steps each, {}",
           demo.injected, seconds / double(demo.steps * int(std::size(kScenes))), demo.steps, version()),
       demo.quiet);
  fmt::print("{}\n", sheet.string());
}

const char* const kExamples = R"(Examples:
  corepulse demo
  corepulse demo -o pictures --seed 7 --steps 30
  corepulse demo --prompt "a car on the beach" --inject "a boat"

Writes each picture and demo.png, a sheet of all of them.)";

}  // namespace

void add_demo(CLI::App& app, Global&) {
  auto* command = app.add_subcommand("demo", "Show what injection does in each block of the built-in model");
  command->footer(kExamples);
  auto demo = std::make_shared<Demo>();
  command->add_option("-o,--output", demo->output, "The folder to write to [out]");
  command->add_option("-p,--prompt", demo->prompt, "What the plain picture shows [a cat in a park]");
  command->add_option("--inject", demo->injected, "What is injected [a dragon]");
  command->add_option("-s,--seed", demo->seed, "[3]");
  command->add_option("--steps", demo->steps, "1 to 1000 [20]")->check(CLI::Range(1, 1000));
  command->add_flag("-q,--quiet", demo->quiet, "No progress");
  command->callback([demo] { draw(*demo); });
}

}  // namespace corepulse::cli
