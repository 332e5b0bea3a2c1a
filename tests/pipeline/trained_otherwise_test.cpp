// Models that were trained with EDM's noise levels, to say x0, or to start from pure noise.
#include <algorithm>
#include <doctest/doctest.h>

#include "io/tensors/safetensors.h"
#include "model_copy.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

io::Json runs() {
  return io::parse_json(Golden("training").metadata().at("runs"), "training");
}

Recipe recipe_of(const io::Json& run) {
  Recipe recipe;
  recipe.prompt = Golden("training").metadata().at("prompt");
  recipe.width = 128, recipe.height = 64, recipe.steps = run["steps"], recipe.guidance = 3, recipe.seeds = {3};
  return recipe;
}

Result drawn(const ModelSource& source, Recipe recipe, bool decode = false) {
  return Pipeline::load(source, {.dtype = ComputeType::float32}).generate({std::move(recipe), {}, decode});
}

double error(const Result& result, const std::string& name) {
  return relative_error(result.latents.at(0), numbers(Golden("training"), name + "/latents"));
}

/** The run's model as a Diffusers folder. */
ModelCopy folder_of(const io::Json& run) {
  ModelCopy copy(run["model"]);
  auto index = copy.read("model_index.json");
  index["scheduler"][1] = run["class"];
  copy.write("model_index.json", index);
  copy.write("scheduler/scheduler_config.json", run["config"]);
  auto vae = copy.read("vae/config.json");
  vae.update(run["vae"]);
  copy.write("vae/config.json", vae);
  return copy;
}

/** Values that are further than one level of 255 from the golden's picture. */
size_t far(const Image& image, const std::string& name) {
  const Golden golden("training");
  const auto& view = golden.view(name + "/image");
  REQUIRE(view.bytes == image.pixels.size());
  size_t count = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i)
    count += std::abs(int(image.pixels[i]) - std::to_integer<int>(view.data[i])) > 1;
  return count;
}

/** The single file of tiny SDXL with marker tensors beside. */
class Marked {
 public:
  void add(const std::string& name, const std::vector<float>& values) { markers_[name] = values; }
  ModelSource source() {
    const auto file = io::open_safetensors(golden_folder() + "/models/sdxl.safetensors");
    auto tensors = file.tensors;
    for (const auto& [name, values] : markers_)
      tensors[name] = {io::StoredType::f32,
                       {static_cast<int64_t>(values.size())},
                       reinterpret_cast<const std::byte*>(values.data()),
                       values.size() * sizeof(float)};
    io::write_safetensors(folder_ / "marked.safetensors", tensors);
    return {.model = (folder_ / "marked.safetensors").string(), .config = golden_folder() + "/models/sdxl"};
  }

 private:
  Folder folder_;
  std::map<std::string, std::vector<float>> markers_;
};

}  // namespace

TEST_CASE("models trained with EDM are drawn as Diffusers draws them, by their own samplers") {
  for (const std::string name : {"playground", "playground_sde", "playground_euler", "cosxl"}) {
    CAPTURE(name);
    const auto run = runs()[name];
    const auto copy = folder_of(run);
    const auto result = drawn({.model = copy.path()}, recipe_of(run), run["vae"].size() > 0);
    CHECK(error(result, name) <= 1e-4);
    if (!result.images.empty()) CHECK(far(result.images[0], name) <= result.images[0].pixels.size() / 1000);
  }
}

TEST_CASE("the same models as single files are known by their markers") {
  Marked playground, cosxl;
  playground.add("edm_mean", {-1.6574f, 1.886f, -1.383f, 2.5155f});
  playground.add("edm_std", {8.4927f, 5.9022f, 6.5498f, 5.2299f});
  const auto result = drawn(playground.source(), recipe_of(runs()["playground"]), true);
  CHECK(error(result, "playground") <= 1e-4);
  CHECK(far(result.images.at(0), "playground") <= result.images[0].pixels.size() / 1000);
  CHECK(result.recipe.sampler == SamplerKind::dpmpp_2m);
  CHECK(result.recipe.schedule == ScheduleKind::karras);
  cosxl.add("edm_vpred.sigma_max", {120}), cosxl.add("edm_vpred.sigma_min", {0.002f});
  CHECK(error(drawn(cosxl.source(), recipe_of(runs()["cosxl"])), "cosxl") <= 1e-4);
}

TEST_CASE("EDM's noise levels have every sampler and schedule but lcm, and zero_snr is none of theirs") {
  const auto copy = folder_of(runs()["cosxl"]);
  const auto pipeline = Pipeline::load({.model = copy.path()}, {.dtype = ComputeType::float32});
  auto recipe = recipe_of(runs()["cosxl"]);
  recipe.width = 64, recipe.steps = 2;
  for (const auto sampler : {SamplerKind::euler_a, SamplerKind::heun, SamplerKind::ddim, SamplerKind::unipc})
    for (const auto schedule : {ScheduleKind::model, ScheduleKind::linspace, ScheduleKind::sgm_uniform}) {
      recipe.sampler = sampler, recipe.schedule = schedule;
      CAPTURE(std::string(name(sampler)) + " " + name(schedule));
      const auto result = pipeline.generate({recipe, {}, false});
      CHECK(std::ranges::all_of(result.latents.at(0), [](float x) { return std::isfinite(x); }));
    }
  recipe.sampler = SamplerKind::lcm;
  CHECK(has(refusal([&] { pipeline.generate({recipe, {}, false}); }), {"invalid_request", "lcm", "EDM"}));
  recipe.sampler = SamplerKind::euler, recipe.zero_snr = true;
  CHECK(has(refusal([&] { pipeline.generate({recipe, {}, false}); }), {"invalid_request", "zero_snr", "EDM"}));
}

TEST_CASE("a network that says x0 is drawn as Diffusers draws it") {
  for (const std::string sampler : {"euler", "ddim", "dpmpp_2m"}) {
    CAPTURE(sampler);
    auto recipe = recipe_of(runs()["x0_" + sampler]);
    recipe.sampler = parse_sampler(sampler).sampler;
    recipe.schedule = ScheduleKind::leading;
    CHECK(error(drawn({.model = tiny_folder("sd1"), .prediction = "sample"}, recipe), "x0_" + sampler) <= 1e-4);
  }
}

TEST_CASE("zero_snr starts from pure noise, as Diffusers' rescale_betas_zero_snr with trailing timesteps") {
  for (const std::string sampler : {"euler", "euler_a", "dpmpp_2m"}) {
    CAPTURE(sampler);
    auto recipe = recipe_of(runs()["zero_" + sampler]);
    recipe.sampler = parse_sampler(sampler).sampler;
    const ModelSource v{.model = tiny_folder("sd1"), .prediction = "v"};
    const auto plain = drawn(v, recipe);
    recipe.zero_snr = true;
    const auto result = drawn(v, recipe);
    CHECK(error(result, "zero_" + sampler) <= 1e-3);
    CHECK(error(plain, "zero_" + sampler) > 0.01);
    CHECK(result.recipe.zero_snr);
    CHECK(result.recipe.schedule == ScheduleKind::trailing);
  }
}

TEST_CASE("zero_snr says what becomes of a model that was not trained so, and of one that needs no word") {
  auto recipe = recipe_of(runs()["zero_euler"]);
  recipe.steps = 1, recipe.zero_snr = true;
  const auto said = [&](const std::string& family) {
    const auto notes = drawn({.model = tiny_folder(family)}, recipe).notes;
    return std::ranges::any_of(notes, [](const auto& note) { return note.find("zero_snr") != std::string::npos; });
  };
  CHECK(said("sd1"));
  CHECK(said("sd2v"));
}
