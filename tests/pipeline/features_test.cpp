// Plug-and-Play: features of resnets and maps of self-attention of another run, or of another image, in whole runs.
#include <doctest/doctest.h>
#include <map>

#include "corepulse/probe.h"
#include "corepulse/recording.h"

#include "mlx/ops.h"
#include "mlx/transforms.h"

#include "io/tensors/safetensors.h"
#include "recording_runs.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr auto kMap = Share::How::map;

Control recorded_features() {
  return {.effect = Capture{.name = "features", .what = Capture::What::features}};
}

/** Runs, and saves what `captures` recorded. */
Result save(const std::string& family, const Recipe& recipe, const std::vector<Control>& captures,
            const std::vector<const File*>& files) {
  auto result = with(family, recipe, captures);
  REQUIRE(result.recordings.size() == files.size());
  for (size_t i = 0; i < files.size(); ++i) save_recording(result.recordings[i], files[i]->path);
  return result;
}

/** Both halves of Plug-and-Play, of a recorded run. */
std::vector<Control> plugged(const File& features_file, const File& keys_file) {
  return {features(features_file.path), share_recording(keys_file.path, kMap).on(Rows::both)};
}

}  // namespace

TEST_CASE("law: to record features changes no bit, and is as large as was estimated") {
  for (const std::string family : {"sd1", "sdxl", "small"})
    for (const auto sampler : {SamplerKind::euler, SamplerKind::heun}) {
      CAPTURE(family);
      auto recipe = short_run(family, sampler);
      const auto plain = run(family, recipe).latents;
      recipe.controls = {recorded_features(), record("keys").at("output:1"),
                         recorded_features().at("output:1.1").steps(1, 2).on(Rows::cond)};
      const auto result = run(family, recipe);
      CHECK(result.latents == plain);
      REQUIRE(result.recordings.size() == 3);
      size_t bytes = 0;
      for (const auto& recording : result.recordings) bytes += recording.bytes;
      CHECK(bytes * (test_dtype() == ComputeType::float32 ? 1 : 2) ==
            recording_bytes(recipe));  // which thinks of float32
      CHECK(result.recordings[0].bytes > 6 * result.recordings[2].bytes);
    }
}

TEST_CASE("law: a run that is given its own features and its own maps is the plain run, bit for bit") {
  const File f("features_own.safetensors"), k("features_own_keys.safetensors");
  for (const std::string family : {"sd1", "sd2v", "sdxl", "small"})
    for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_sde}) {
      CAPTURE(family);
      const auto recipe = short_run(family, sampler);
      const auto plain = save(family, recipe, {recorded_features(), record("keys")}, {&f, &k}).latents;
      CHECK(with(family, recipe, plugged(f, k)).latents == plain);
      CHECK(with(family, recipe, {features(f.path)}).latents == plain);
      CHECK(with(family, recipe, {features(f.path).strength({{0, 0.2}, {1, 0.9}})}).latents == plain);
      CHECK(with(family, recipe, {features(f.path).within(circle(0.5, 0.5, 0.3).feather(0.2))}).latents == plain);
      CHECK(with(family, recipe, {share_recording(k.path, kMap)}).latents == plain);  // the prompt's row alone
    }
}

TEST_CASE("law: strength 0 is the plain run, and so is every latent before the window") {
  const File f("features_window.safetensors"), k("features_window_keys.safetensors");
  auto recipe = short_run("small", SamplerKind::euler, 4);
  recipe.seeds = {11};
  save("small", recipe, {recorded_features(), record("keys")}, {&f, &k});
  recipe.seeds = {3};
  const auto plain = run("small", recipe).latents;
  auto off = plugged(f, k);
  for (auto& control : off) control = control.strength(0);
  CHECK(with("small", recipe, off).latents == plain);
  for (const auto& control : plugged(f, k)) {
    CHECK(relative_error(with("small", recipe, {control}).latents[0], plain[0]) > 1e-3);
    CHECK(with("small", recipe, {control.steps(0, 2), control.steps(2, 4)}).latents ==
          with("small", recipe, {control}).latents);
  }
}

// The formula, in a script's own words: what each resnet adds is kept, and put in the place of what it adds later.
TEST_CASE("features are those that a script would keep and put back, whole, in part, and in a region") {
  const File f("features_script.safetensors");
  auto recipe = short_run("sd1");
  recipe.seeds = {11};
  std::map<std::string, mx::array> kept;
  const auto key = [](const ProbeView& at, int r) {
    return at.site.path + "@" + std::to_string(at.step.index) + (at.rows[r].side == ProbeRow::Side::prompt ? "c" : "u");
  };
  Request keeping{.recipe = recipe, .decode = false};
  keeping.recipe.controls = {recorded_features().at("output:1.1")};
  keeping.probes = {probe(ProbePoint::resnet_output, "output:1.1", [&](const mx::array& x, const ProbeView& at) {
    mx::eval(x);
    for (int r = 0; r < x.shape(0); ++r)
      kept.insert_or_assign(key(at, r), mx::slice(x, {r, 0, 0, 0}, {r + 1, x.shape(1), x.shape(2), x.shape(3)}));
    return x;
  })};
  const auto result = tiny("sd1").generate(keeping);
  CHECK(kept.size() == 6);
  save_recording(result.recordings.at(0), f.path);
  const auto file = io::open_safetensors(f.path);
  REQUIRE(file.tensors.size() == 1);
  CHECK(file.tensors.begin()->first == "up_blocks.1.resnets.1");

  recipe.seeds = {3};
  for (const double strength : {1.0, 0.3})
    for (const bool half : {false, true}) {
      CAPTURE(strength);
      CAPTURE(half);
      Request script{.recipe = recipe, .decode = false};
      script.probes = {probe(ProbePoint::resnet_output, "output:1.1", [&](const mx::array& x, const ProbeView& at) {
        const auto s = static_cast<float>(strength);
        std::vector<mx::array> rows;
        for (int r = 0; r < x.shape(0); ++r) {
          const auto own = mx::slice(x, {r, 0, 0, 0}, {r + 1, x.shape(1), x.shape(2), x.shape(3)});
          const auto made = mx::array(1 - s) * own + mx::array(s) * kept.at(key(at, r));
          const int middle = x.shape(2) / 2;
          const auto left = mx::slice(made, {0, 0, 0, 0}, {1, x.shape(1), middle, x.shape(3)});
          const auto right = mx::slice(own, {0, 0, middle, 0}, {1, x.shape(1), x.shape(2), x.shape(3)});
          rows.push_back(half ? mx::concatenate({left, right}, 2) : made);
        }
        return mx::concatenate(rows, 0);
      })};
      auto control = features(f.path).strength(strength);
      if (half) control = control.within(rectangle(0, 0, 0.5, 1));
      const auto told = with("sd1", recipe, {control}).latents[0];
      CHECK(relative_error(told, tiny("sd1").generate(script).latents[0]) <= 1e-5);
      CHECK(relative_error(told, run("sd1", recipe).latents[0]) > 1e-4);
    }
}

TEST_CASE("pixels outside a region add what they added, to the bit") {
  const File f("features_region.safetensors");
  auto recipe = short_run("sd1", SamplerKind::euler, 1);
  recipe.seeds = {11};
  save("sd1", recipe, {recorded_features()}, {&f});
  recipe.seeds = {3};
  const auto added = [&](std::vector<Control> controls) {
    std::vector<mx::array> seen;
    Request request{.recipe = recipe, .decode = false};
    request.recipe.controls = std::move(controls);
    request.probes = {probe(ProbePoint::resnet_output, "input:0.0", [&](const mx::array& x, const ProbeView&) {
      mx::eval(x);
      seen.push_back(x);
      return x;
    })};
    tiny("sd1").generate(request);
    return seen;
  };
  const auto plain = added({}), half = added({features(f.path).at("input:0.0").within(rectangle(0, 0, 0.5, 1))});
  REQUIRE(plain.size() == half.size());
  for (size_t i = 0; i < plain.size(); ++i) {
    const auto shape = plain[i].shape();
    const auto part = [&](const mx::array& x, int from, int to) {
      return mx::slice(x, {0, 0, from, 0}, {shape[0], shape[1], to, shape[3]});
    };
    const int middle = shape[2] / 2;
    CHECK(mx::array_equal(part(half[i], middle, shape[2]), part(plain[i], middle, shape[2])).item<bool>());
    CHECK_FALSE(mx::array_equal(part(half[i], 0, middle), part(plain[i], 0, middle)).item<bool>());
  }
}

TEST_CASE("another image of the batch gives what its recording gives") {
  const File f("features_batch.safetensors"), k("features_batch_keys.safetensors");
  for (const std::string family : {"sdxl", "small"}) {
    CAPTURE(family);
    auto recipe = short_run(family);
    recipe.seeds = {11};
    save(family, recipe, {recorded_features(), record("keys")}, {&f, &k});
    recipe.seeds = {3};
    const auto recorded = with(family, recipe, plugged(f, k)).latents[0];
    const auto plain = run(family, recipe).latents[0];
    Share numbers{.how = kMap, .strength = 0.5, .gain_k = 1.3};
    numbers.recording = k.path;
    const auto partly = with(family, recipe, {features(f.path).strength(0.5), share(numbers)}).latents[0];
    recipe.seeds = {11, 3};
    const auto both = with(family, recipe, {features(0), share_image(0, kMap).on(Rows::both)}).latents;
    numbers.recording.clear(), numbers.image = 0;
    const auto both_partly = with(family, recipe, {features(0).strength(0.5), share(numbers)}).latents;
    recipe.seeds = {11};
    CHECK(relative_error(both[0], run(family, recipe).latents[0]) <= 1e-4);
    CHECK(relative_error(both[1], recorded) <= 1e-4);
    CHECK(relative_error(both_partly[1], partly) <= 1e-4);
    CHECK(relative_error(plain, recorded) > 0.01);
    CHECK(relative_error(partly, recorded) > 0.001);
  }
}

TEST_CASE("a recording without guidance is put into both rows of a guided run") {
  const File f("features_unguided.safetensors"), k("features_unguided_keys.safetensors");
  auto recipe = short_run("small");
  recipe.guidance = 1;
  const auto plain = save("small", recipe, {recorded_features(), record("keys")}, {&f, &k}).latents;
  CHECK(with("small", recipe, plugged(f, k)).latents == plain);
  recipe.guidance = 5;
  const auto guided = run("small", recipe).latents;
  for (const auto& control : plugged(f, k)) {
    const auto one = with("small", recipe, {control.on(Rows::cond)}).latents;
    const auto both = with("small", recipe, {control}).latents;
    CHECK(relative_error(both[0], one[0]) > 1e-4);
    CHECK(relative_error(both[0], guided[0]) > 1e-4);
  }
}

TEST_CASE("features go with what else changes a run: FreeU, a blurred call, a second pass, edits") {
  const File f("features_beside.safetensors");
  auto recipe = short_run("small", SamplerKind::euler, 3);
  recipe.controls = {freeu({.b1 = 1.2, .s1 = 0.8}), guide_by(GuideBy::Perturb::map, 1.5).at("middle:0"),
                     recorded_features()};
  const auto plain = run("small", recipe);
  save_recording(plain.recordings.at(0), f.path);
  recipe.controls.back() = features(f.path).on(Rows::cond);
  CHECK(run("small", recipe).latents.size() == 1);
  recipe.controls.resize(2);
  recipe.edits = {{1, {recipe.controls[0], recipe.controls[1], features(f.path).strength(0.5)}}};
  CHECK(run("small", recipe).recipe.edits.size() == 1);
  recipe.edits.clear(), recipe.controls = {features(0).at("output:1.1")}, recipe.seeds = {3, 4};
  recipe.second_pass = SecondPass{.scale = 2};
  CHECK(run("small", recipe).latents.size() == 2);
}

TEST_CASE("what a recording of features does not hold, and one of other things, is refused by name") {
  const File f("features_holds.safetensors"), k("features_holds_keys.safetensors");
  const auto recipe = short_run("small", SamplerKind::euler, 4);
  save("small", recipe, {recorded_features().at("output:1").steps(0, 3), record("keys")}, {&f, &k});
  const auto refuses = [&](const Control& control, const std::string& part) {
    return contains(refusal("small", recipe, control), part);
  };
  CHECK(refuses(features(f.path).at("middle:0"), "invalid_request: [controls[0].where] mid_block.resnets.0 was not"));
  CHECK(refuses(features(f.path).steps(1, 4), "[controls[0].when] step 3 was not recorded; it holds steps 0..2"));
  CHECK(refuses(features(k.path), "[controls[0].recording] it holds no features of resnets"));
  CHECK(refuses(share_recording(f.path), "[controls[0].recording] it holds nothing of self-attention"));
  CHECK(refuses(features("/no/such/file.safetensors"), "not_found: [controls[0].recording]"));
  CHECK(refuses({.effect = Features{.recording = f.path, .sha256 = std::string(64, '0')}},
                "bad_file: [controls[0].recording]"));
  CHECK(refuses(recorded_features().for_heads({0}), "[controls[0].heads]"));
  auto other = recipe;
  other.width = 64;
  CHECK(contains(refusal("small", other, features(f.path)), "it was recorded at a latent size of"));
  const auto kept = with("small", recipe, {features(f.path)}).recipe;
  CHECK(std::get<Features>(kept.controls[0].effect).sha256.size() == 64);
}
