// What control costs: runs and steps beside the plain ones, in one process, by turns; and SD1.5's attention layers.
//
//   control_bench                     whole runs of the built-in model
//   control_bench MODEL SIZE STEPS    of another one, SIZE x SIZE pixels
//   control_bench layers [SECONDS]    SD1.5's 32 attention layers at 512 x 512, random weights; SECONDS: a plain step's
//   ... --only NAME                   one line of the table
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <numeric>

#include "corepulse/pipeline.h"

#include "mlx/ops.h"
#include "mlx/random.h"
#include "mlx/transforms.h"

#include "attention/attention.h"
#include "control/program/program.h"
#include "nn/weights.h"
#include "random_control_net.h"
#include "random_lora.h"
#include "random_tensors.h"
#include "unet/sites.h"

using namespace corepulse;

namespace {

const char* kPrompt = "a cat in a park";

struct Variant {
  std::string name;
  std::vector<Control> controls;
  double goal;  // ratio to the plain step
  std::vector<uint64_t> seeds = {3};
  double guidance = 5;
};

std::vector<Variant> variants() {
  const auto soft = [](double x) { return rectangle(x, 0, 0.34, 1).feather(0.1); };
  return {{"inject", {inject("a dragon")}, 1.02},
          {"reweight", {reweight("cat", 2)}, 1.01},
          {"mask_tokens", {mask_tokens("cat")}, 1.01},
          {"value_gain", {value_gain("cat", 1.5)}, 1.01},
          {"temperature", {temperature(0.8, AttentionKind::cross)}, 1.01},
          {"temperature self", {temperature(0.8)}, 1.01},
          {"closed window", {inject("a dragon").steps(0, 1)}, 1.002},
          {"binary regions",
           {regions({{"a dragon", rectangle(0, 0, 0.5, 1)}, {"a dog", rectangle(0.5, 0, 0.5, 1)}})},
           1.10},
          {"soft regions", {regions({{"a dragon", soft(0)}, {"a dog", soft(0.33)}, {"a boat", soft(0.66)}})}, 1.10},
          {"attend", {attend(rectangle(0, 0, 0.5, 1), 2).within(rectangle(0.5, 0, 0.5, 1))}, 0},
          {"smooth", {smooth(0.5)}, 0}};
}

/** Those that only whole runs show: more images, more rows, other guidance than the plain run's. */
std::vector<Variant> variants_of_runs(const RandomLora& file, const RandomControlNet& network, int steps) {
  const auto always = [](Control control) {
    auto& edit = std::get<PromptToPrompt>(control.effect);
    edit.cross = edit.self = 1;
    return control;
  };
  auto all = variants();
  all.push_back(
      {"p2p replace", {always(prompt_to_prompt("a dog in a park", PromptToPrompt::Method::replace))}, 1.15, {3, 3}});
  all.push_back({"p2p refine", {always(prompt_to_prompt("a red dog in a park"))}, 1.15, {3, 3}});
  all.push_back({"guide_by identity", {guide_by(GuideBy::Perturb::identity).at("middle:0")}, 1.52});
  all.push_back({"guide_by blur", {guide_by(GuideBy::Perturb::blur).at("middle:0")}, 1.52});
  all.push_back({"nag", {normalized_guidance("a dog")}, 1.06, {3}, 1});
  // Rank 32 on all linear layers: in the weights, beside them by a curve of too many strengths to merge, in a region.
  const auto style = lora(file.path(), 0.5);
  all.push_back({"lora merged", {style}, 1.00});
  all.push_back({"lora beside", {style.strength({{0, 0.5}, {1, 0.4}})}, 1.10});
  all.push_back({"lora region", {style.within(rectangle(0, 0, 0.5, 1))}, 0});
  all.push_back({"lora rows", {style.on(Rows::cond)}, 0});
  const auto pose = controlnet(network.file(), network.picture());
  all.push_back({"controlnet", {pose}, 1.40});
  all.push_back({"controlnet half", {pose.steps(0, steps / 2)}, 1.20});  // of the run
  return all;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/** Median and quartiles. */
struct Spread {
  explicit Spread(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto at = [&](double q) {
      return values[static_cast<size_t>(q * static_cast<double>(values.size() - 1) + 0.5)];
    };
    low = at(0.25), median = at(0.5), high = at(0.75);
  }
  std::string text() const { return fmt::format("{:.3f} ({:.3f}..{:.3f})", median, low, high); }
  double low, median, high;
};

std::string goal(double ratio) {
  return ratio > 0 ? fmt::format("<= {:.3f}", ratio) : "";
}

// -- Whole runs ---------------------------------------------------------------------------------

struct Run {
  double whole = 0;
  std::vector<double> steps;
};

Run timed(const Pipeline& pipeline, Recipe recipe, std::vector<Control> controls) {
  recipe.controls = std::move(controls);
  Run run;
  run.whole = pipeline
                  .generate({.recipe = recipe,
                             .progress =
                                 [&](const Progress& p) {
                                   run.steps.push_back(p.seconds);
                                   return true;
                                 },
                             .decode = false})
                  .seconds_steps;
  return run;
}

double sum_behind_first(const std::vector<double>& steps) {
  return std::accumulate(steps.begin() + 1, steps.end(), 0.0);
}

void whole_runs(const std::string& model, int size, int steps, const std::string& only) {
  const auto pipeline = Pipeline::load({.model = model});
  Recipe recipe{.model = model, .prompt = kPrompt, .width = size, .height = size, .seeds = {3}, .steps = steps};
  const int repeats = std::max(3, 60 / steps);
  const double plain = timed(pipeline, recipe, {}).whole / steps;  // also warms up
  fmt::print("{}: plain step {:.3f} s; {} runs of {} steps each, beside as many plain ones\n", model, plain, repeats,
             steps);
  // Without each run's first step, which encodes texts and loads networks that the plain run before gave back.
  fmt::print("{:<18}{:<26}{:<26}{:<26}goal\n", "", "run / plain run", "its steps / plain steps", "step / plain step");
  const RandomLora lora(model, 32);
  const RandomControlNet network(model);
  for (const auto& variant : variants_of_runs(lora, network, steps)) {
    if (!only.empty() && variant.name != only) continue;
    recipe.seeds = variant.seeds, recipe.guidance = variant.guidance;
    std::vector<double> whole, all, step;
    for (int i = 0; i < repeats; ++i) {
      Run a, b;
      if (i % 2) a = timed(pipeline, recipe, {});
      b = timed(pipeline, recipe, variant.controls);
      if (i % 2 == 0) a = timed(pipeline, recipe, {});
      whole.push_back(b.whole / a.whole);
      for (size_t s = 1; s < a.steps.size(); ++s) step.push_back(b.steps[s] / a.steps[s]);
      if (a.steps.size() > 1) all.push_back(sum_behind_first(b.steps) / sum_behind_first(a.steps));
    }
    const auto spread = [](const std::vector<double>& ratios) { return ratios.empty() ? "" : Spread(ratios).text(); };
    fmt::print("{:<18}{:<26}{:<26}{:<26}{}\n", variant.name, Spread(whole).text(), spread(all), spread(step),
               goal(variant.goal));
    std::fflush(stdout);
  }
}

// -- The attention layers of SD1.5 at 512 x 512 ---------------------------------------------------

unet::Config sd15() {
  unet::Config config;
  config.levels = {{.channels = 320}, {.channels = 640}, {.channels = 1280}, {1280, 8, {0, 0}, {0, 0, 0}}};
  return config;
}

nn::Weights random_weights(int channels, int context) {
  std::minstd_rand random(1);
  io::Tensors tensors;
  const auto add = [&](const std::string& name, const std::vector<int64_t>& shape) {
    tensors.emplace(name, random_tensor(name, shape, random));
  };
  add("to_q.weight", {channels, channels});
  add("to_k.weight", {channels, context});
  add("to_v.weight", {channels, context});
  add("to_out.0.weight", {channels, channels});
  add("to_out.0.bias", {channels});
  return {std::move(tensors), "layer", mx::float32};
}

/** One token a word; 77 positions. */
std::vector<control::TokenizedText> tokenize(const PromptText& written) {
  const auto& prompt = written.text;
  control::TokenizedText text;
  text.ids.push_back(49406);
  for (size_t from = 0; from < prompt.size();) {
    const auto to = std::min(prompt.find(' ', from), prompt.size());
    const int id = static_cast<int>(std::hash<std::string>()(prompt.substr(from, to - from)) % 49000);
    text.tokens.push_back({id, static_cast<int>(from), static_cast<int>(to)});
    text.positions.push_back(static_cast<int>(text.ids.size()));
    text.ids.push_back(id);
    from = to + 1;
  }
  text.ids.resize(77, 49407);
  return {text};
}

struct Layers {
  Layers() {
    const auto config = sd15();
    inputs.sites = unet::sites(config);
    inputs.image_height = inputs.image_width = 512;
    inputs.latent_height = inputs.latent_width = 64;
    for (int i = 0; i < 20; ++i) inputs.calls.push_back({i, 20, i, i / 19.0, 999 - 50.0 * i, 14.0 - 0.7 * i, true, {}});
    inputs.prompt = kPrompt, inputs.guidance = 5, inputs.tokenizer = tokenize;
    for (const auto& site : inputs.sites) {
      const int channels = config.levels[site.level].channels, side = 64 >> site.level;
      layers.emplace_back(random_weights(channels, site.cross ? 768 : channels), site, channels, 768);
      x.push_back(mx::random::normal({2, side * side, channels}));
      mx::eval(x.back());
    }
  }
  control::ProgramInputs inputs;
  std::vector<attention::Attention> layers;
  std::vector<mx::array> x;
};

/** A program's constants of the run, as the loop over the steps keeps them. */
struct Prepared {
  Prepared(const Layers& layers, const std::vector<Control>& controls)
      : program(control::Program::resolve(controls, layers.inputs)), step(layers.inputs.calls[5]) {
    for (size_t i = 0; i < program.texts().size(); ++i) texts.push_back(mx::random::normal({1, 77, 768}));
    step.rows = {{0, false}, {0, true}};
  }
  double seconds(const Layers& layers, bool cross) {
    double sum = 0;
    for (size_t i = 0; i < layers.layers.size(); ++i) {
      if (layers.layers[i].site.cross != cross) continue;
      sum += seconds_of([&] { layers.layers[i](layers.x[i], {program, step, texts, cache}).array().eval(); });
    }
    return sum;
  }
  control::Program program;
  control::Step step;
  std::vector<mx::array> texts;
  attention::RunCache cache;
};

bool reads_text(const Variant& variant) {
  return variant.name != "temperature self" && variant.name != "attend" && variant.name != "smooth";
}

void all_layers(double step_seconds, const std::string& only) {
  const Layers layers;
  Prepared plain(layers, {});
  plain.seconds(layers, true);
  const double cross = plain.seconds(layers, true), self = plain.seconds(layers, false);
  fmt::print("SD1.5 at 512 x 512: 16 cross layers {:.3f} s, 16 self layers {:.3f} s\n", cross, self);
  fmt::print("{:<18}{:<28}{:<14}goal\n", "", "its layers / plain", "step");
  for (const auto& variant : variants()) {
    if (!only.empty() && variant.name != only) continue;
    const bool text = reads_text(variant);
    Prepared controlled(layers, variant.controls);
    controlled.seconds(layers, text);
    std::vector<double> ratios, more;
    for (int i = 0; i < (text ? 9 : 3); ++i) {
      double a = 0, b = 0;
      if (i % 2) a = plain.seconds(layers, text);
      b = controlled.seconds(layers, text);
      if (i % 2 == 0) a = plain.seconds(layers, text);
      ratios.push_back(b / a), more.push_back(b - a);
    }
    const auto step = step_seconds > 0 ? fmt::format("{:.4f}", 1 + Spread(more).median / step_seconds) : "";
    fmt::print("{:<18}{:<28}{:<14}{}\n", variant.name, Spread(ratios).text(), step, goal(variant.goal));
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::string only;
  if (arguments.size() >= 2 && arguments[arguments.size() - 2] == "--only")
    only = arguments.back(), arguments.resize(arguments.size() - 2);
  try {
    if (!arguments.empty() && arguments[0] == "layers")
      all_layers(arguments.size() > 1 ? std::stod(arguments[1]) : 0, only);
    else
      whole_runs(arguments.empty() ? "builtin" : arguments[0], arguments.size() > 1 ? std::stoi(arguments[1]) : 0,
                 arguments.size() > 2 ? std::stoi(arguments[2]) : 10, only);
  } catch (const std::exception& error) {
    fmt::print(stderr, "control_bench: {}\n", error.what());
    return 1;
  }
}
