#pragma once
// Runs with side networks, and single calls of them beside a golden's.

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "control_net_file.h"
#include "engine/engine.h"
#include "model/side/side_parts.h"
#include "support/plain_control.h"

namespace corepulse::test {

using Controls = std::vector<Control>;

inline Recipe short_run(const std::string& family = "sd1", int steps = 3) {
  auto recipe = golden_recipe(family);
  recipe.width = 96, recipe.height = 64, recipe.steps = steps;
  return recipe;
}

inline Result with(const std::string& family, Recipe recipe, Controls controls) {
  recipe.controls = std::move(controls);
  return run(family, recipe);
}

inline double moved(const Result& a, const Result& b) {
  return relative_error(a.latents[0], b.latents[0]);
}

inline std::string refused(Controls controls, const std::string& family = "sd1") {
  return refusal([&] { with(family, short_run(family), std::move(controls)); });
}

inline ControlNet& effect(Control& control) {
  return std::get<ControlNet>(control.effect);
}

/** Largest difference of what was made from what was wanted, as a share of the largest number. */
inline double share_of_largest(const mx::array& made, const mx::array& wanted) {
  auto error = mx::divide(mx::max(mx::abs(made - wanted)), mx::max(mx::abs(wanted)));
  error.eval();
  return error.item<float>();
}

/** Of what a ControlNet makes of a golden's call, by skip, the largest such share. @param name of the call. */
inline double network_error(const Golden& golden, const std::string& name, const std::string& family,
                            const std::string& file, int type = 0) {
  return engine::Engine::instance().run([&] {
    const auto parts = model::understand({.model = tiny_folder(family)});
    const auto held = model::load_side(model::understand_side(file, parts), mx::float32);
    const auto& network = std::get<unet::ControlNet>(*held);
    const auto context = golden.array(name + "context");
    const auto row = [&](int r) { return mx::slice(context, {r, 0, 0}, {r + 1, context.shape(1), context.shape(2)}); };
    const std::vector<mx::array> texts{row(1), row(0)};  // as the rows below read them
    control::Step step;
    step.t = golden.array(name + "t").item<float>(), step.rows = {{0, control::kNegative}, {0, control::kPrompt}};
    std::optional<unet::AddedConditioning> added;
    if (golden.has(name + "pooled"))
      added = unet::AddedConditioning{golden.array(name + "pooled"),
                                      std::vector<std::vector<float>>(2, {64, 64, 0, 0, 64, 64})};
    attention::RunCache cache;
    const PlainControl plain;
    const attention::Pass pass{plain, step, texts, cache};
    const unet::UNet unet(
        nn::Weights(parts.collection.networks.at(model::Part::unet).stored.tensors, "unet", mx::float32), parts.unet);
    auto inputs = unet.inputs(golden.nhwc(name + "x"), pass, added);
    inputs.hint = network.hint(golden.nhwc(name + "hint"), type);
    const auto made = network(inputs, pass);
    double largest = 0;
    for (size_t i = 0; i < made.size(); ++i)
      largest = std::max(largest, share_of_largest(made[i], golden.nhwc(fmt::format("{}out/{}", name, i))));
    CHECK(!golden.has(fmt::format("{}out/{}", name, made.size())));
    return largest;
  });
}

}  // namespace corepulse::test
