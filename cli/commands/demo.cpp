// corepulse demo: one prompt and one seed, plain and with what the attention reads changed in seven ways.

#include <filesystem>
#include <fmt/format.h>
#include <memory>

#include "corepulse/contact_sheet.h"
#include "corepulse/control.h"
#include "corepulse/corepulse_adapter.h"
#include "corepulse/pipeline.h"

#include "commands/commands.h"
#include "output.h"
#include "run_flags.h"
#include "terminal/interrupt.h"
#include "terminal/progress.h"

namespace corepulse::cli {

namespace {

namespace fs = std::filesystem;

struct Demo {
  std::string output = "out", model = "builtin", seed = "3";
  int steps = 20;
  bool quiet = false;
};

constexpr const char* kPrompt = "a cat in a park";
constexpr int kColumns = 4;

/** One run: its picture's label and file, and what it changes. */
struct Scene {
  std::string label;
  const char* file;
  std::vector<Control> controls;
};

/** The label says what is read, and where: the example that CorePulse's authors show first, then the same in our words.
 */
std::vector<Scene> scenes() {
  const Region right = rectangle(0.5, 0, 0.5, 1);
  return {{fmt::format("\"{}\": the prompt, unchanged", kPrompt), "1-plain.png", {capture("cat").at("output:0")}},
          {"\"dragon\" at middle:0, weight 2, sigma 15..0, as CorePulse writes it", "2-corepulse.png",
           UNetPatcher().add_injection("middle:0", "dragon", 2, 15, 0).controls()},
          {"\"a dragon\" at content: the middle block, gain 2",
           "3-content.png",
           {inject("a dragon").at("content").gains(2, 2)}},
          {"\"a cat in the desert\" at composition: the input blocks",
           "4-composition.png",
           {inject("a cat in the desert").at("composition")}},
          {"\"pixel art of a blue cat in a park\" at style: the output blocks",
           "5-style.png",
           {inject("pixel art of a blue cat in a park").at("style")}},
          {"the words \"in a park\" are not read",
           "6-masked.png",
           {mask_tokens("in a park").context(TokenContext::reencode)}},
          {"\"a black and white photo of a cat in a park\" at style, right half",
           "7-region.png",
           {inject("a black and white photo of a cat in a park").at("style").within(right)}}};
}

uint64_t one_seed(const std::string& text) {
  const auto seeds = parse_seeds(text);
  if (seeds.size() != 1)
    throw Error(ErrorCode::invalid_request,
                "[--seed] \"" + text + "\" names several; the demo draws one sheet: give one");
  return seeds.front();
}

Result run(const Pipeline& pipeline, const Demo& demo, const Scene& scene, uint64_t seed, const std::string& title) {
  Request request;
  request.recipe.model = demo.model;
  request.recipe.prompt = kPrompt;
  request.recipe.seeds = {seed};
  request.recipe.steps = demo.steps;
  request.recipe.controls = scene.controls;
  ProgressLine progress(title, demo.quiet);
  request.progress = progress.callback();
  request.stop = stop_flag();
  auto result = pipeline.generate(request);
  stop_if_interrupted();
  return result;
}

void draw(const Demo& demo) {
  const fs::path folder = demo.output;
  const auto all = scenes();
  const auto seed = one_seed(demo.seed);
  for (const auto& scene : all) check_output({folder / scene.file});
  note(fmt::format("loading {}", demo.model == "builtin" ? "the built-in model" : demo.model), demo.quiet);
  Recipe source;
  source.model = demo.model;
  const auto pipeline = Pipeline::load(model_source(source));
  std::vector<LabelledImage> pictures;
  LabelledImage heat{{}, "where it looked for the word \"cat\" in the first picture"};
  double seconds = 0;
  for (const auto& scene : all) {
    const auto result =
        run(pipeline, demo, scene, seed, fmt::format("{}/{} {:<16}", pictures.size() + 1, all.size(), scene.file));
    fs::create_directories(folder);
    save_image(result.images[0], folder / scene.file, image_text(result, 0, folder));
    if (!result.heat_maps.empty()) heat.image = overlay(result.heat_maps[0], result.images[0]);
    pictures.push_back({result.images[0], scene.label});
    seconds += result.seconds_steps;
  }
  save_image(heat.image, folder / "8-heat.png");
  pictures.push_back(std::move(heat));
  const auto sheet = folder / "demo.png";
  const auto title =
      fmt::format("\"{}\", seed {}, every time; below each picture: what is read instead, where", kPrompt, seed);
  save_image(make_sheet(pictures, kColumns, title), sheet);
  note(fmt::format("{:.2f} s per step, {} steps each, {}; another seed: corepulse demo --seed 7",
                   seconds / double(demo.steps * int(all.size())), demo.steps, version()),
       demo.quiet);
  fmt::print("{}\n", sheet.string());
}

const char* const kDemoExamples = R"(Examples:
  corepulse demo
  corepulse demo -o pictures --seed 7 --steps 30
  corepulse demo -m ~/models/sd15.safetensors

Writes each picture and demo.png, a sheet of all of them. The built-in model's blocks have the roles that the labels say;
in another model the same blocks may decide other things, which its sheet shows.)";

}  // namespace

void add_demo(CLI::App& app, Global&) {
  auto* command = app.add_subcommand("demo", "Show on one sheet what control does, with one prompt and one seed");
  command->footer(kDemoExamples);
  auto demo = std::make_shared<Demo>();
  command->add_option("-o,--output", demo->output, "The folder to write to [out]");
  command->add_option("-m,--model", demo->model, "builtin, a folder, a .safetensors file, or org/name [builtin]");
  command->add_option("-s,--seed", demo->seed, "One number, or random [3]");
  command->add_option("--steps", demo->steps, "1 to 1000 [20]")->check(CLI::Range(1, 1000));
  command->add_flag("-q,--quiet", demo->quiet, "No progress");
  command->callback([demo] { draw(*demo); });
}

}  // namespace corepulse::cli
