// corepulse generate: from a prompt to picture files.

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>

#include "corepulse/error.h"
#include "corepulse/pipeline.h"

#include "captures.h"
#include "commands/commands.h"
#include "load_flags.h"
#include "output.h"
#include "previews.h"
#include "run_flags.h"
#include "target.h"
#include "terminal/interrupt.h"
#include "terminal/progress.h"

namespace corepulse::cli {

namespace {

namespace fs = std::filesystem;

struct Generate {
  explicit Generate(CLI::App& command) : run(command) {}
  RunFlags run;
  std::string output, device = "auto", taesd;
  int preview = 0;
  HeatMapForm heat_maps;
  bool quiet = false, force = false, split_guidance = false;
};

/** "isa avx512 there, avx2 here", for what may change the bits of a repeated picture. */
std::string differences(const MadeWith& there, const MadeWith& here) {
  std::string text;
  const auto compare = [&](const char* what, const std::string& a, const std::string& b) {
    if (!a.empty() && a != b) text += fmt::format("{}{} {} there, {} here", text.empty() ? "" : "; ", what, a, b);
  };
  compare("program", there.program, here.program);
  compare("model", there.model, here.model);
  compare("backend", there.backend, here.backend);
  compare("dtype", there.dtype, here.dtype);
  compare("isa", there.isa, here.isa);
  return text;
}

void show_notes(const Result& result, const MadeWith& repeated, bool quiet) {
  for (const auto& line : result.notes) note("note: " + line, quiet);
  if (const auto different = differences(repeated, result.recipe.made_with); !different.empty())
    note("note: the picture may differ from the one repeated: " + different, quiet);
}

/** What a run left on the disk. */
struct Saved {
  Files pictures, heat_maps, recordings;
};

nlohmann::json names(const Files& files) {
  auto list = nlohmann::json::array();
  for (const auto& file : files) list.push_back(file.string());
  return list;
}

void print_result(const Result& result, const Saved& saved) {
  nlohmann::json json{{"files", names(saved.pictures)}};
  if (!saved.heat_maps.empty()) json["heat_maps"] = names(saved.heat_maps);
  if (!saved.recordings.empty()) json["recordings"] = names(saved.recordings);
  json["recipe"] = nlohmann::json::parse(to_json(result.recipe));
  json["notes"] = result.notes;
  json["model_calls"] = result.model_calls;
  json["seconds"] = {{"text", result.seconds_text}, {"steps", result.seconds_steps}, {"decode", result.seconds_decode}};
  json["version"] = version();
  print_json(json);
}

/** The pictures under these names, or under ones with a number where another run's picture lies. */
void save_pictures(const Result& result, Files& files, const Generate& flags) {
  for (size_t i = 0; i < files.size(); ++i) {
    make_folder(files[i], flags.quiet);
    const auto text = image_text(result, int(i), flags.output == "-" ? fs::path() : folder_of(files[i]));
    const auto name = free_name(files[i], text, std::span(files).first(i));
    if (!flags.force && name != files[i]) {
      note(fmt::format("note: {} exists, and --force would overwrite it", files[i].string()), flags.quiet);
      files[i] = name;
    }
    save_image(result.images[i], files[i], text);
  }
}

Saved save(const Result& result, const Files& files, const HeatMapForm& form) {
  return {files, save_heat_maps(result, files, form), save_recordings(result, files)};
}

/** One picture alone fits through a pipe. */
void check_standard_output(const Recipe& recipe, bool json, bool preview) {
  const auto captures = [](const Control& control) { return std::holds_alternative<Capture>(control.effect); };
  const auto any = [&](const std::vector<Control>& controls) {
    return std::any_of(controls.begin(), controls.end(), captures);
  };
  const auto& second = recipe.second_pass;
  if (json || preview || recipe.seeds.size() != 1 || any(recipe.controls) ||
      (second && second->controls && any(*second->controls)))
    throw Error(
        ErrorCode::invalid_request,
        "[-o] - takes one picture; expected a name for several, for heat maps, recordings, previews and --json");
}

/** Every so many steps, beside what hears of every step already. */
void show_previews(Request& request, const Files& files, const Generate& flags) {
  request.taesd = expand_home(flags.taesd);
  request.progress = [previews = Previews(files, flags.preview, flags.quiet),
                      line = request.progress](const Progress& at) mutable {
    const bool goes_on = line(at);
    if (goes_on) previews.show(at);
    return goes_on;
  };
}

Pipeline opened(const Recipe& recipe, const Generate& flags) {
  auto options = load_options(recipe.dtype, flags.device);
  options.lazy = true;  // what is wrong with the request is said before weights are read
  options.split_guidance = flags.split_guidance;
  return Pipeline::load(model_source(recipe), options);
}

/** Waits for the other processes, which Ctrl-C ends with the program: nothing is drawn yet. */
Pipeline joined(const Recipe& recipe, const Generate& flags) {
  release_interrupts();
  stop_if_interrupted();
  auto pipeline = opened(recipe, flags);
  catch_interrupts();
  return pipeline;
}

/** Of --split-guidance, in all processes but the first: it computes its rows, and writes nothing. */
void compute_rows(Request request, const Pipeline& pipeline) {
  request.decode = false;
  request.stop = stop_flag();
  (void)pipeline.generate(request);
  stop_if_interrupted();
}

void generate(const Generate& flags, bool json) {
  Request request;
  auto notes = flags.run.notes();
  request.recipe = flags.run.recipe(&notes);
  std::optional<Pipeline> pipeline;
  if (flags.split_guidance) pipeline.emplace(joined(request.recipe, flags));  // which knows if this one writes
  if (pipeline && pipeline->rank() > 0) return compute_rows(std::move(request), *pipeline);
  for (const auto& line : notes) note("note: " + line, flags.quiet);
  std::optional<StandardOutput> pipe;
  if (flags.output == "-") check_standard_output(request.recipe, json, flags.preview > 0), pipe.emplace();
  const auto made_with = request.recipe.made_with;
  auto files = output_files(pipe ? pipe->file().string() : flags.output, request.recipe.prompt, request.recipe.seeds);
  check_output(files);
  check_recipe_fits(request.recipe, files);
  check_recordings(request.recipe, files);

  note(fmt::format("loading {}", model_source(request.recipe).model), flags.quiet);
  if (!pipeline) pipeline.emplace(opened(request.recipe, flags));
  ProgressLine progress("drawing", flags.quiet);
  request.progress = progress.callback();
  if (flags.preview > 0) show_previews(request, files, flags);
  request.stop = stop_flag();
  auto run = pipeline->prepare(request);
  if (!flags.quiet)
    if (const auto line = long_run(run.estimate()); !line.empty()) note(line, false);
  const auto result = std::move(run).generate();
  stop_if_interrupted();
  save_pictures(result, files, flags);
  const auto saved = save(result, files, flags.heat_maps);
  progress.finish();

  show_notes(result, made_with, flags.quiet);
  if (pipe) return pipe->send();
  if (json) return print_result(result, saved);
  for (const auto* list : {&saved.pictures, &saved.heat_maps, &saved.recordings})
    for (const auto& file : *list) fmt::print("{}\n", file.string());
}

const char* const kGenerateExamples = R"(Examples:
  corepulse generate -p "a cat in a park" -o cat.png
  corepulse generate -p "a red car on the beach" --seed 1,2,3 --steps 30 -o cars.png
      cars-1.png, cars-2.png, cars-3.png: a name holds its seed
  corepulse generate -p "a cat in a park" --inject "a dragon @ content, gain 2" -o dragon.png
      the same picture, but the middle block reads another prompt
  corepulse generate -p "a cat in a park" --inject "a cat in the snow @ composition, sigma 15..2"
  corepulse generate -p "a cat in a park" --reweight "park=0.3" --mask "a @ style"
  corepulse generate -p "a cat and a dog in a garden" --region "an owl @ left half, content"
      --region "a penguin @ right half, content"
  corepulse generate -p "a cat in a park" --heatmap "cat @ output:0" -o cat.png
      cat.png, and cat-heat-cat.png: where it looked at "cat"
  corepulse generate --from dragon.png -o again.png
      the same picture again; with --seed 4 the same idea on another seed
  corepulse generate --from a1111.png -m sd15.safetensors
      what A1111, Forge, ComfyUI, InvokeAI or stable-diffusion.cpp drew, as far as its text says
  corepulse generate -m sd15.safetensors -p "a lighthouse" -W 512 -H 512 --sampler "DPM++ 2M Karras"

Selectors: input:N, middle:0, output:N as `corepulse inspect` lists them; input or composition, middle or
content, output or style: all such blocks; coarse, mid, fine; all.
Names of options as other programs have them are taken where they mean the same: --negative-prompt, --cfg-scale, ...
Pictures are PNG, JPEG or WebP by extension and hold their recipe. Without -o they are named after
prompt and seed, here in this folder.)";

}  // namespace

void add_generate(CLI::App& app, Global& global) {
  auto* command = app.add_subcommand("generate", "Draw pictures from a prompt");
  command->footer(kGenerateExamples);
  auto flags = std::make_shared<Generate>(*command);
  command->add_option("-o,--output", flags->output, "A file (.png .jpg .webp), a folder, or - for standard output [.]")
      ->group("Output");
  command
      ->add_flag("--force", flags->force, "Overwrite a picture of another recipe; else a number is added to the name")
      ->group("Output");
  auto* values = command->add_option("--heatmap-values", flags->heat_maps.values,
                                     "Write the numbers of heat maps, too, as npy or safetensors");
  values->check(CLI::IsMember({"npy", "safetensors"}))->group("Output");
  command->add_flag("--no-heatmap-pictures", flags->heat_maps.no_pictures, "The numbers of heat maps alone")
      ->needs(values)
      ->group("Output");
  auto* preview = command->add_option(
      "--preview", flags->preview, "N: every N steps what there is of the picture, in cat-preview.png beside cat.png");
  preview->check(CLI::Range(1, 1000))->group("Output");
  command->add_option("--taesd", flags->taesd, "A TAESD or TAESDXL decoder that draws previews at full size")
      ->type_name("FILE")
      ->needs(preview)
      ->group("Output");
  add_device_flag(*command, flags->device);
  command
      ->add_flag("--split-guidance", flags->split_guidance,
                 "One of several processes, each with a GPU, that compute the rows of each model call; see docs/gpu.md")
      ->group("Model");
  command->add_flag("-q,--quiet", flags->quiet, "No progress, no notes")->group("Output");
  add_json_flag(*command, global);
  command->callback([flags, &global] { generate(*flags, global.json); });
}

}  // namespace corepulse::cli
