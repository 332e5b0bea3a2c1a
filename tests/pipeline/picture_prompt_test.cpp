// Picture prompts: IP-Adapters and what sees their pictures, beside Diffusers' and transformers', and by their own
// laws.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>

#include "corepulse/adapter.h"
#include "corepulse/live_controls.h"

#include "engine/engine.h"
#include "golden_runs.h"
#include "io/picture/image_format.h"
#include "ip_adapter_file.h"
#include "model/pictures/picture_adapter.h"
#include "pipeline/guide/clip_picture.h"
#include "pipeline/init/picture.h"
#include "pipeline/init/resize.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using Controls = std::vector<Control>;

const std::string kAdapters = golden_folder() + "/ip_adapters/";

Recipe short_run(const std::string& family = "sd1", int steps = 3) {
  auto recipe = golden_recipe(family);
  recipe.width = 96, recipe.height = 64, recipe.steps = steps;
  return recipe;
}

Result with(const std::string& family, Recipe recipe, Controls controls) {
  recipe.controls = std::move(controls);
  return run(family, recipe);
}

double moved(const Result& a, const Result& b) {
  return relative_error(a.latents[0], b.latents[0]);
}

std::string refused(Controls controls, const std::string& family = "sd1") {
  return refusal([&] { with(family, short_run(family), std::move(controls)); });
}

const IpAdapterFile& adapter() {
  static const IpAdapterFile file("sd1");
  return file;
}

PicturePrompt& effect(Control& control) {
  return std::get<PicturePrompt>(control.effect);
}

std::string hint(int i) {
  return fmt::format("{}/controlnets/hint_{}.png", golden_folder(), i);
}

Image picture_of_golden(int i) {
  const auto picture = pipeline::read_start_picture({.file = hint(i == 2 ? 0 : i)}).image;
  if (i != 2) return picture;
  return pipeline::resize(picture, Resample::bicubic, pipeline::whole_of(picture), 17, 40);
}

/** The controls that a golden's run has. */
Controls of_golden(const std::string& family, const io::Json& run) {
  Controls controls;
  for (size_t i = 0; i < run["adapters"].size(); ++i) {
    const std::string name = run["adapters"][i];
    std::vector<std::string> pictures;
    for (const int picture : run["pictures"][i]) pictures.push_back(hint(picture));
    if (name == "face_id") pictures = {kAdapters + "face.safetensors"};
    const auto& scale = run["scale"][i];
    auto control = picture_prompt(fmt::format("{}{}_{}.safetensors", kAdapters, family, name), pictures,
                                  scale.is_number() ? scale.get<double>() : 1.5);
    if (run["half"]) control = control.within(rectangle(0, 0, 0.5, 1));
    controls.push_back(run.contains("where") ? control.at("instantstyle:style") : control);
  }
  return controls;
}

}  // namespace

TEST_CASE("a picture comes to the encoder as transformers brings it, which sees the same") {
  constexpr double kTolerance = 1e-4;
  const Golden golden("ip_adapter");
  engine::Engine::instance().run([&] {
    const auto parts = model::understand({.model = tiny_folder("sd1")});
    const auto plus = model::understand_picture_adapter(kAdapters + "sd1_plus.safetensors", parts);
    const auto encoder = model::load_vision(model::find_vision_encoder(plus, ""), mx::float32);
    const int size = encoder->config().image_size;
    for (int i = 0; i < 3; ++i) {
      CAPTURE(i);
      const auto name = fmt::format("encoder/{}/", i);
      const auto values = pipeline::clip_picture(picture_of_golden(i), size);
      const mx::array pixels(values.begin(), {1, size, size, 3}, mx::float32);
      CHECK(relative_error(pixels, golden.nhwc(name + "pixels")) <= 1e-6);
      CHECK(relative_error(encoder->hidden(pixels), golden.array(name + "hidden")) <= kTolerance);
      CHECK(relative_error(encoder->embeds(pixels), golden.array(name + "embeds")) <= kTolerance);
    }
  });
}

TEST_CASE("runs with IP-Adapters end in the latents that Diffusers' pipelines give") {
  check_golden_runs("ip_adapter", [](const std::string& family, const Recipe& recipe, const io::Json& one) {
    return with(family, recipe, of_golden(family, one));
  });
}

TEST_CASE("law: a picture prompt of no strength, or outside its window, is the plain run bit for bit") {
  const auto recipe = short_run();
  const auto plain = with("sd1", recipe, {});
  CHECK(with("sd1", recipe, {read_picture(adapter(), 0)}).latents == plain.latents);
  CHECK(with("sd1", recipe, {read_picture(adapter()).enable(false)}).latents == plain.latents);
  CHECK(moved(with("sd1", recipe, {read_picture(adapter())}), plain) > 0.01);
  auto sharing = read_picture(adapter(), 0);
  effect(sharing).how = PicturePrompt::How::share;
  CHECK(with("sd1", recipe, {sharing}).latents == plain.latents);
  CHECK(moved(with("sd1", recipe, {sharing.strength(1)}), plain) > 0.003);
  const auto all = with("sd1", recipe, {read_picture(adapter())});
  CHECK(with("sd1", recipe, {read_picture(adapter()).within(rectangle(0, 0, 1, 1))}).latents == all.latents);
  CHECK(with("sd1", recipe, {read_picture(adapter()).steps(0, 1), read_picture(adapter()).steps(1, 3)}).latents ==
        all.latents);
}

TEST_CASE("law: images without a picture prompt keep their bits beside one that has it") {
  auto recipe = short_run();
  recipe.seeds = {1, 2};
  const auto plain = with("sd1", recipe, {});
  const auto second = with("sd1", recipe, {read_picture(adapter()).for_images({1})});
  CHECK(second.latents[0] == plain.latents[0]);
  CHECK(second.latents[1] != plain.latents[1]);
  recipe.seeds = {2};
  CHECK(with("sd1", recipe, {read_picture(adapter())}).latents[0] == second.latents[1]);
}

TEST_CASE("a run's recipe knows the files of its picture prompts, and repeats it") {
  auto recipe = short_run();
  const auto first = with("sd1", recipe, {read_picture(adapter())});
  const auto& known = std::get<PicturePrompt>(first.recipe.controls[0].effect);
  CHECK((known.sha256.size() == 64 && known.encoder_sha256.size() == 64));
  CHECK(run("sd1", first.recipe).latents == first.latents);
  auto control = first.recipe.controls[0];
  effect(control).encoder_sha256[0] ^= 1;
  CHECK(refused({control}).find("encoder_sha256") != std::string::npos);
}

TEST_CASE("a picture prompt may come and go while a run goes on") {
  Request request{short_run(), {}, false};
  request.live = std::make_shared<LiveControls>();
  request.progress = [live = request.live](const Progress& at) {
    if (at.step == 1) live->set({read_picture(adapter())});
    if (at.step == 2) live->set({});
    return true;
  };
  const auto live = tiny("sd1").generate(request);
  CHECK(live.latents == with("sd1", short_run(), {read_picture(adapter()).steps(1, 2)}).latents);
}

TEST_CASE("wrong adapters, encoders and pictures are refused, by what they are") {
  const auto says = [](const std::string& error, const char* part) {
    CAPTURE(error);
    CHECK(error.find(part) != std::string::npos);
  };
  says(refused({picture_prompt("nowhere.safetensors", {"cat.png"})}), "there is no nowhere.safetensors");
  says(refused({read_picture(adapter())}, "sdxl"), "an IP-Adapter goes with one family of models");
  says(refused({read_picture(adapter()).at("instantstyle:style")}), "layers of SDXL");
  says(refused({picture_prompt(adapter().path(), {"nowhere.png"})}), "nowhere.png");
  says(refused({picture_prompt(adapter().encoder() + "/model.safetensors", {"cat.png"})}), "CLIP's vision encoder");
  auto control = read_picture(adapter());
  effect(control).encoder = kAdapters + "image_encoder";
  says(refused({control}), "it reads CLIP's vision encoder with a projection of 6");
  effect(control).encoder = "nowhere";
  says(refused({control}), "there is none at nowhere");
  effect(control).encoder = "", effect(control).data = {"!"};
  says(refused({control}), "data");
  says(refused({picture_prompt(kAdapters + "sd1_face_id.safetensors", {hint(0)})}), "hint_0.png");
  says(refused({picture_prompt(adapter().path(), {})}), "pictures");
  IpAdapterFile broken("sd1");
  broken.tensors()["image_proj.more"] = broken.tensors()["image_proj.norm.weight"];
  broken.write();
  says(refused({read_picture(broken)}), "image_proj.more");
  broken.tensors().erase("image_proj.more"), broken.tensors().erase("ip_adapter.1.to_v_ip.weight");
  broken.write();
  says(refused({read_picture(broken)}), "ip_adapter.1.to_v_ip.weight");
  std::filesystem::remove_all(broken.encoder());
  IpAdapterFile blind("sd1");
  std::filesystem::remove_all(blind.encoder());
  says(refused({read_picture(blind)}), "image_encoder");
}

TEST_CASE("inspect says what an IP-Adapter's file is") {
  const auto of = [](const std::string& name) { return inspect_picture_adapter(kAdapters + name + ".safetensors"); };
  const auto is = [&](const std::string& name) { return to_text(of(name).value()); };
  CHECK(is("sd1_base").find("IP-Adapter, for ") == 0);
  CHECK(is("sd1_plus").find("a picture is read as ") != std::string::npos);
  CHECK(is("sd1_full_face").find("a token each") != std::string::npos);
  CHECK(is("sd1_face_id").find("--picture-prompt FILE=FACE.safetensors") != std::string::npos);
  CHECK(of("sd1_face_id")->faces);
  CHECK_FALSE(of("sdxl_plus")->faces);
  CHECK_FALSE(of("face"));
}
