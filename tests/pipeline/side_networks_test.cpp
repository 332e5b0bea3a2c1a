// T2I-Adapters, control-loras, differences and ControlNets of several types: beside Diffusers' and by their own laws.
#include <fstream>

#include "corepulse/adapter.h"
#include "corepulse/shorthand.h"

#include "golden_runs.h"
#include "nn/stored.h"
#include "side_network_runs.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kSides = golden_folder() + "/side_networks/";

std::string side_file(const std::string& name) {
  return kSides + name + (name == "t2i_full" ? "" : ".safetensors");
}

Control side(const std::string& name, Curve strength = 1, unsigned picture = 5) {
  auto control = controlnet(side_file(name), "", std::move(strength));
  effect(control).data = block_picture(picture);
  return control;
}

/** The control that a golden's run has for one of its networks. */
Control golden_side(const io::Json& run, size_t i, int steps) {
  const std::string name = run["nets"][i];
  const auto picture =
      name == "t2i_xl" ? kSides + "grey.png" : fmt::format("{}/controlnets/hint_{}.png", golden_folder(), i);
  const auto type = run.contains("type") ? " @ type " + std::string(run["type"]) : "";
  auto control = parse_controlnet(fmt::format("{}={}{}", side_file(name), picture, type));
  effect(control).strength = run["scale"][i].get<double>();
  return control.steps(0, static_cast<int>(steps * run["end"].get<double>()));
}

/** Of an adapter's features of the golden's odd picture, the largest difference. */
double feature_error(const std::string& family, const std::string& name, const std::string& file) {
  const Golden golden("side_networks");
  return engine::Engine::instance().run([&] {
    const auto parts = model::understand_side(side_file(file), model::understand({.model = tiny_folder(family)}));
    const auto held = model::load_side(parts, mx::float32);
    const auto made = std::get<unet::T2iAdapter>(*held)(golden.nhwc("odd/picture"));
    double largest = 0;
    int found = 0;
    for (size_t i = 0; i < made.size(); ++i)
      if (parts.skips[i])
        largest = std::max(largest, share_of_largest(made[i], golden.nhwc(fmt::format("odd/{}/{}", name, found++))));
    CHECK(!golden.has(fmt::format("odd/{}/{}", name, found)));
    return largest;
  });
}

/** A file's bytes, cut, under another name in the folder. */
std::string cut(const std::string& file, const Folder& folder, double share) {
  std::ifstream in(file, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  bytes.resize(static_cast<size_t>(static_cast<double>(bytes.size()) * share));
  const auto path = (folder / "cut.safetensors").string();
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

}  // namespace

TEST_CASE("a T2I-Adapter makes of a picture of any size what Diffusers' makes, whoever's names its file has") {
  CHECK(feature_error("sd1", "t2i_full", "t2i_full") <= 1e-5);
  CHECK(feature_error("sd1", "t2i_full", "t2i_full_original") <= 1e-5);
  CHECK(feature_error("sd1", "t2i_light", "t2i_light") <= 1e-5);
  CHECK(feature_error("sd1", "t2i_light", "t2i_light_original") <= 1e-5);
  CHECK(feature_error("sdxl", "t2i_xl", "t2i_xl") <= 1e-5);
}

TEST_CASE("a ControlNet of several types makes of a call what Diffusers' makes") {
  CHECK(network_error(Golden("side_networks"), "network/union/", "sdxl", side_file("union"),
                      static_cast<int>(ControlNet::Type::canny)) <= 1e-4);
}

TEST_CASE("runs with side networks of each kind end in the latents that Diffusers' pipelines give") {
  check_golden_runs("side_networks", [](const std::string& family, Recipe recipe, const io::Json& one) {
    for (size_t i = 0; i < one["nets"].size(); ++i) recipe.controls.push_back(golden_side(one, i, recipe.steps));
    return run(family, recipe);
  });
}

TEST_CASE("law: a T2I-Adapter of strength 0 is the plain run, and its parts add up to all of it") {
  for (const auto& [family, name] : {std::pair<std::string, std::string>{"sd1", "t2i_full"}, {"sdxl", "t2i_xl"}}) {
    CAPTURE(family);
    const auto recipe = short_run(family);
    const auto all = side(name);
    const auto plain = run(family, recipe), whole = with(family, recipe, {all});
    CHECK(moved(whole, plain) > 1e-3);
    CHECK(with(family, recipe, {side(name, 0)}).latents == plain.latents);
    const auto left = rectangle(0, 0, 0.4, 1).feather(0.2);
    const std::vector<Controls> cuts{{all.steps(0, 1), all.steps(1, 3)},
                                     {all.on(Rows::cond), all.on(Rows::uncond)},
                                     {all.at("input:0"), all.at("input:1"), all.at("input:2, input:3, middle")},
                                     {all.within(left), all.within(!left)},
                                     {all.strength(0.25), all.strength(0.75)}};
    for (auto parts : cuts) {
      if (family == "sdxl" && parts.size() == 3) parts[2] = all.at("input:2, middle");
      CHECK(moved(with(family, recipe, {parts[0]}), whole) > 1e-3);
      CHECK(moved(with(family, recipe, parts), whole) <= 2e-5);
    }
  }
}

TEST_CASE(
    "law: a T2I-Adapter acts on its images, beside a ControlNet, and in a second pass of a size that no 16 divides") {
  auto recipe = short_run();
  recipe.seeds = {3, 4};
  const auto plain = run("sd1", recipe), guided = with("sd1", recipe, {side("t2i_light").for_images({1})});
  CHECK(guided.latents[0] == plain.latents[0]);
  CHECK(guided.latents[1] != plain.latents[1]);
  const ControlNetFile net("sd1");
  recipe = short_run();
  const auto both = with("sd1", recipe, {side("t2i_full"), guide_by_picture(net)});
  CHECK(moved(both, with("sd1", recipe, {side("t2i_full")})) > 1e-3);
  CHECK(moved(both, with("sd1", recipe, {guide_by_picture(net)})) > 1e-3);
  CHECK(both.latents == with("sd1", recipe, {guide_by_picture(net), side("t2i_full")}).latents);
  recipe = short_run("sdxl", 2);
  recipe.width = 72, recipe.height = 56;
  CHECK(moved(with("sdxl", recipe, {side("t2i_xl")}), run("sdxl", recipe)) > 1e-3);
}

TEST_CASE("a ControlNet stored as the difference to the UNet is the ControlNet") {
  ControlNetFile whole("sd1", 5), difference("sd1", 5);
  std::mt19937 random(6);
  for (auto& [name, view] : whole.tensors()) {
    if (name.starts_with("controlnet_")) continue;
    auto added = random_tensor(random, view.shape, 0.02f), sum = random_tensor(random, view.shape, 0);
    const auto base = nn::original_of(view);
    auto* const numbers = reinterpret_cast<float*>(const_cast<std::byte*>(sum.data));
    for (size_t i = 0; i < base.size(); ++i)
      numbers[i] = reinterpret_cast<const float*>(added.data)[i] + base.data<float>()[i];
    view = sum, difference.tensors()[name] = added;
  }
  difference.tensors()["difference"] = random_tensor(random, {1}, 1);
  whole.write(), difference.write();
  const auto recipe = short_run();
  const auto wanted = with("sd1", recipe, {guide_by_picture(whole)});
  CHECK(moved(with("sd1", recipe, {guide_by_picture(difference)}), wanted) <= 1e-6);
  CHECK(moved(with("sd1", recipe, {guide_by_picture(ControlNetFile("sd1", 5))}), wanted) > 1e-3);
}

TEST_CASE("a network of several types is told which, and others are not") {
  const auto says = [](const Control& control, const std::string& text, const std::string& family) {
    const auto found = refused({control}, family);
    CAPTURE(found);
    CHECK(found.find(text) != std::string::npos);
  };
  says(side("union"), "one of openpose, depth", "sdxl");
  auto typed = side("t2i_full");
  effect(typed).type = ControlNet::Type::canny;
  says(typed, "leave it out", "sd1");
  auto guessing = side("t2i_full");
  effect(guessing).guess = true;
  says(guessing, "guess", "sd1");
  says(side("t2i_full").at("conv_in"), "T2I-Adapter adds nothing there", "sd1");
}

TEST_CASE("files of another family, or damaged ones, are refused by name") {
  const auto says = [](const std::string& file, const std::string& text, const std::string& family) {
    auto control = side("t2i_full");
    effect(control).file = file;
    const auto found = refused({control}, family);
    CAPTURE(file);
    CAPTURE(found);
    CHECK(found.find(text) != std::string::npos);
  };
  says(side_file("t2i_full"), "one family", "sdxl");
  says(side_file("t2i_light"), "one family", "sdxl");
  says(side_file("t2i_xl"), "Stable Diffusion XL", "sd1");
  says(side_file("lora_sdxl"), "one family", "sd1");
  says(side_file("lora_sd1"), "one family", "sdxl");
  says(side_file("union"), "one family", "sd1");
  const Folder folder;
  for (const auto* name : {"t2i_light", "lora_sd1", "union"})
    says(cut(side_file(name), folder, 0.7), "cut.safetensors", "sdxl");
  // A half of a product, and a layer that no network has.
  auto tensors = io::open_safetensors(side_file("lora_sd1")).tensors;
  const auto path = (folder / "changed.safetensors").string();
  tensors.erase("input_blocks.1.0.in_layers.2.down");
  io::write_safetensors(path, tensors);
  says(path, "has no other half", "sd1");
  tensors = io::open_safetensors(side_file("t2i_light")).tensors;
  tensors["adapter.body.7.in_conv.weight"] = tensors.at("adapter.body.1.in_conv.weight");
  io::write_safetensors(path, tensors);
  says(path, "adapter.body.7.in_conv.weight", "sd1");
}

TEST_CASE("inspect says what a side network's file is") {
  const auto is = [](const std::string& name) { return to_text(inspect_side_network(side_file(name)).value()); };
  CHECK(is("t2i_full").find("T2I-Adapter, for Stable Diffusion 1\n") == 0);
  CHECK(is("t2i_light_original").find("levels of 16, 16, 16, 24") != std::string::npos);
  CHECK(is("t2i_xl").find("T2I-Adapter, for Stable Diffusion XL\n") == 0);
  CHECK(is("lora_sd1").find("control-lora, for ") == 0);
  CHECK(is("lora_sd1").find("levels of 16, 16, 16, 24") != std::string::npos);
  CHECK(is("union").find("ControlNet of 8 types of pictures") == 0);
}
