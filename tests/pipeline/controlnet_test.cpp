// ControlNet: pictures that side networks read, beside Diffusers' and by its own laws.
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>

#include "corepulse/live_controls.h"

#include "golden_runs.h"
#include "refiner_model.h"
#include "side_network_runs.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kNets = golden_folder() + "/controlnets/";

/** SDXL for two steps, then another model for two. */
Recipe ended_by(const std::string& refiner) {
  auto recipe = short_run("sdxl", 4);
  recipe.sampler = SamplerKind::euler, recipe.refiner = Refiner{refiner, 0.5};
  return recipe;
}

const ControlNetFile& net() {
  static const ControlNetFile file("sd1");
  return file;
}

/** The control that a golden's run has for one of its networks. */
Control of_golden(const io::Json& run, size_t i, int steps) {
  const std::string name = run["nets"][i];
  auto control = controlnet(kNets + name + (name == "sd1_second" ? "" : ".safetensors"),
                            fmt::format("{}hint_{}.png", kNets, i), run["scale"][i].get<double>());
  effect(control).guess = run["guess"], effect(control).pool = run["pool"].get<bool>();
  const double start = run["start"][i], end = run["end"][i];
  int first = steps, last = 0;  // Diffusers: those between, whole
  for (int step = 0; step < steps; ++step)
    if (double(step) / steps >= start && double(step + 1) / steps <= end)
      first = std::min(first, step), last = step + 1;
  return control.steps(first, last);
}

}  // namespace

TEST_CASE("a ControlNet makes of a call what Diffusers' makes, whoever's names its file has") {
  const Golden golden("controlnet");
  CHECK(network_error(golden, "network/sd1/", "sd1", kNets + "sd1.safetensors") <= 1e-4);
  CHECK(network_error(golden, "network/sd1/", "sd1", kNets + "sd1_ldm.safetensors") <= 1e-4);
  CHECK(network_error(golden, "network/sdxl/", "sdxl", kNets + "sdxl.safetensors") <= 1e-4);
}

TEST_CASE("runs with ControlNets end in the latents that Diffusers' pipelines give") {
  check_golden_runs("controlnet", [](const std::string& family, Recipe recipe, const io::Json& one) {
    for (size_t i = 0; i < one["nets"].size(); ++i) recipe.controls.push_back(of_golden(one, i, recipe.steps));
    return run(family, recipe);
  });
}

TEST_CASE("law: a ControlNet of strength 0, switched off or taken away is the plain run, bit for bit") {
  for (const std::string family : {"sd1", "sdxl"}) {
    CAPTURE(family);
    const ControlNetFile file(family);
    const auto recipe = short_run(family);
    const auto plain = run(family, recipe);
    CHECK(moved(with(family, recipe, {guide_by_picture(file)}), plain) > 1e-3);
    CHECK(run(family, recipe).latents == plain.latents);
    CHECK(with(family, recipe, {guide_by_picture(file, 0)}).latents == plain.latents);
    CHECK(with(family, recipe, {guide_by_picture(file).enable(false)}).latents == plain.latents);
    const auto images = with(family, recipe, {guide_by_picture(file).steps(1, 2)});
    CHECK(moved(images, plain) > 1e-3);
  }
}

TEST_CASE("law: windows, rows, places and parts of a ControlNet add up to all of it") {
  const auto recipe = short_run();
  const auto all = guide_by_picture(net());
  const auto whole = with("sd1", recipe, {all});
  const auto same = [&](Controls parts) { return moved(with("sd1", recipe, std::move(parts)), whole); };
  constexpr double kTolerance = 2e-5;
  CHECK(same({all.steps(0, 1), all.steps(1, 3)}) <= kTolerance);
  CHECK(same({all.on(Rows::cond), all.on(Rows::uncond)}) <= kTolerance);
  CHECK(same({all.at("input"), all.at("middle")}) <= kTolerance);
  CHECK(same({all.at("conv_in, input:0.0, input:0.1, down_blocks.0.downsamplers.0"), all.at("input:1, input:2"),
              all.at("input:3, middle")}) <= kTolerance);
  const auto left = rectangle(0, 0, 0.4, 1).feather(0.2);
  CHECK(same({all.within(left), all.within(!left)}) <= kTolerance);
  CHECK(same({all.strength(0.25), all.strength(0.75)}) <= kTolerance);
  CHECK(same({all.within(rectangle(0, 0, 1, 1))}) == 0);
  for (const auto& part : {all.steps(0, 1), all.on(Rows::cond), all.at("middle"), all.within(left), all.strength(0.25)})
    CHECK(same({part}) > 1e-3);
}

TEST_CASE("law: a ControlNet acts on its images, and an image's bits do not depend on its batch") {
  auto recipe = short_run();
  recipe.seeds = {3, 4};
  const auto plain = run("sd1", recipe), guided = with("sd1", recipe, {guide_by_picture(net()).for_images({1})});
  CHECK(guided.latents[0] == plain.latents[0]);
  CHECK(guided.latents[1] != plain.latents[1]);
  recipe.seeds = {4};
  if (test_dtype() == ComputeType::float32)
    CHECK(with("sd1", recipe, {guide_by_picture(net())}).latents[0] == guided.latents[1]);
}

TEST_CASE("a ControlNet acts in both passes, over a picture, beside a LoRA's rows, and as a live edit") {
  auto recipe = short_run();
  recipe.second_pass = SecondPass{.scale = 1.5, .steps = 2};
  CHECK(moved(with("sd1", recipe, {guide_by_picture(net())}), run("sd1", recipe)) > 1e-3);
  recipe = short_run();
  recipe.init = InitPicture{.data = block_picture(9), .strength = 0.7};
  recipe.init->mask = rectangle(0.5, 0, 1, 1);
  CHECK(moved(with("sd1", recipe, {guide_by_picture(net())}), run("sd1", recipe)) > 1e-3);
  recipe.init->only_masked = 4;
  CHECK(moved(with("sd1", recipe, {guide_by_picture(net())}), run("sd1", recipe)) > 1e-3);
  recipe = short_run();
  recipe.edits = {{1, {guide_by_picture(net())}}};
  const auto edited = run("sd1", recipe);
  CHECK(edited.latents == with("sd1", short_run(), {guide_by_picture(net()).steps(1, 3)}).latents);
  Request live{.recipe = short_run(), .decode = false, .live = std::make_shared<LiveControls>()};
  live.progress = [&](const Progress& at) {
    if (at.step == 1) live.live->set({guide_by_picture(net())});
    return true;
  };
  CHECK(tiny("sd1").generate(live).latents == edited.latents);
}

TEST_CASE("law: the model as its own refiner changes nothing where a ControlNet acts, also if an edit brings it") {
  const ControlNetFile file("sdxl");
  auto recipe = ended_by(tiny_folder("sdxl")), whole = recipe;
  whole.refiner.reset();
  const auto guide = guide_by_picture(file, {{0, 1}, {1, 0.3}});
  CHECK(with("sdxl", recipe, {guide}).latents == with("sdxl", whole, {guide}).latents);
  for (const int step : {1, 3}) {  // before the refiner begins, and behind
    recipe.edits = whole.edits = {{step, {guide}}};
    CHECK(run("sdxl", recipe).latents == run("sdxl", whole).latents);
  }
}

TEST_CASE("a ControlNet that is not the refiner's acts before it alone, and a note says so") {
  const ControlNetFile file("sdxl");
  const auto recipe = ended_by(refiner_folder());
  const auto guided = with("sdxl", recipe, {guide_by_picture(file)});
  CHECK(guided.latents == with("sdxl", recipe, {guide_by_picture(file).steps(0, 2)}).latents);
  CHECK(moved(guided, run("sdxl", recipe)) > 1e-3);
  CHECK(std::any_of(guided.notes.begin(), guided.notes.end(), [](const auto& note) {
    return note.find("is of other weights than the refiner: it acts before the refiner alone") != note.npos;
  }));
  const auto refused_behind = refusal([&] { with("sdxl", recipe, {guide_by_picture(file).steps(2, 4)}); });
  CHECK(has(refused_behind, {"unsupported_model", "goes with one family", "refiner's"}));
  auto led = recipe;
  led.controls = {guide_by_picture(file)};
  CHECK(tiny("sdxl").estimate({led}).bytes > tiny("sdxl").estimate({recipe}).bytes);
}

TEST_CASE("a finished recipe knows the network and the picture by their digests") {
  const auto recipe = with("sd1", short_run(), {guide_by_picture(net())}).recipe;
  const auto& found = std::get<ControlNet>(recipe.controls[0].effect);
  CHECK(found.sha256.size() == 64);
  CHECK(run("sd1", recipe_from_json(to_json(recipe))).latents ==
        with("sd1", short_run(), {guide_by_picture(net())}).latents);
  auto other = guide_by_picture(net());
  effect(other).sha256 = std::string(64, 'a');
  CHECK(refused({other}).find("SHA-256") != std::string::npos);
}

TEST_CASE("explain says where a ControlNet adds, and what it costs") {
  auto recipe = short_run();
  recipe.controls = {guide_by_picture(net()).at("input:1, middle").steps(0, 2)};
  const auto text = explain(recipe).text;
  CHECK(text.find("acts on 2 of 3 steps (0..1), 4 of 13 skips: input:1 (3 of 3)") == std::string::npos);
  CHECK(text.find("4 of 13 skips: input:1, middle:0") != std::string::npos);
  CHECK(text.find("a ControlNet beside the UNet: ") != std::string::npos);
  const auto json = io::parse_json(explain(recipe).json, "explanation");
  CHECK(json["controls"][0]["skips"].size() == 4);
  const double work = json["controls"][0]["network"]["work"];
  CHECK((work > 0.2 && work < 0.6));
  const auto plain = tiny("sd1").estimate({short_run()}), guided = tiny("sd1").estimate({recipe});
  CHECK(guided.bytes > plain.bytes);
}

TEST_CASE("files that are no ControlNet of this model are refused by name") {
  ControlNetFile odd("sd1", 3);
  const auto says = [&](const std::string& text, const std::string& family = "sd1") {
    CAPTURE(text);
    auto control = guide_by_picture(odd);
    const auto found = refused({control}, family);
    CAPTURE(found);
    CHECK(found.find(text) != std::string::npos);
  };
  says("goes with one family", "sd2");
  says("goes with one family", "sdxl");
  const auto with_tensor = [&](const std::string& name, const std::string& text) {
    odd.add(name, 4, 4, 1);
    odd.write();
    says(text);
    odd.tensors().erase(name + ".weight"), odd.tensors().erase(name + ".bias");
    odd.write();
  };
  with_tensor("lllite_unet_input_blocks_1", "LLLite");
  with_tensor("double_blocks.0.img_attn", "Flux");
  with_tensor("joint_blocks.0.x", "Stable Diffusion 3");
  with_tensor("up_blocks.0.x", "whole UNet");
  with_tensor("controlnet_down_blocks.12", "controlnet_down_blocks.12");
  const auto kept = odd.tensors().at("controlnet_mid_block.weight");
  odd.tensors().erase("controlnet_mid_block.weight"), odd.write();
  says("controlnet_mid_block.weight");
  odd.tensors()["controlnet_mid_block.weight"] = kept, odd.write();
  auto nowhere = guide_by_picture(odd);
  effect(nowhere).file = odd.folder() + "/none.safetensors";
  CHECK(refused({nowhere}).find("there is no") != std::string::npos);
  auto blind = controlnet(odd.path(), odd.folder() + "/none.png");
  CHECK(refused({blind}).find("controls[0]") != std::string::npos);
  CHECK(refused({guide_by_picture(odd).at("output:1")}).find("output:1") != std::string::npos);
}
