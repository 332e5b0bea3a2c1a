// Recordings: a run's self-attention inputs in a file, looked at by later runs.
#include "corepulse/recording.h"

#include <cstring>
#include <doctest/doctest.h>
#include <fstream>
#include <limits>

#include "corepulse/live_controls.h"

#include "io/tensors/safetensors.h"
#include "recording_runs.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr auto kInstead = Share::How::instead, kUnion = Share::How::with;

/** Runs, and saves what `capture` recorded. */
Result save(const std::string& family, const Recipe& recipe, const Control& capture, const File& file) {
  auto result = with(family, recipe, {capture});
  REQUIRE(result.recordings.size() == 1);
  save_recording(result.recordings[0], file.path);
  return result;
}

Control shared(const File& file, Share::How how = kInstead) {
  return share_recording(file.path, how).on(Rows::both);
}

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("recording a run changes no bit of it, and is as large as was estimated") {
  for (const std::string family : {"sd1", "sd2v", "sdxl", "small"}) {
    CAPTURE(family);
    for (const auto sampler : {SamplerKind::euler, SamplerKind::heun}) {
      auto recipe = short_run(family, sampler);
      const auto plain = run(family, recipe).latents;
      const std::vector<Control> controls{record("all"), record("some").at("middle:0").steps(1, 2).on(Rows::cond)};
      const auto result = with(family, recipe, controls);
      CHECK(result.latents == plain);
      REQUIRE(result.recordings.size() == 2);
      CHECK(result.recordings[1].name == "some");
      recipe.controls = controls;
      CHECK(result.recordings[0].bytes + result.recordings[1].bytes == recording_bytes(recipe));
      CHECK(result.recordings[0].bytes > 6 * result.recordings[1].bytes);
    }
  }
}

TEST_CASE("a run that looks at its own recording is the plain run, bit for bit") {
  const File file("own.safetensors");
  for (const std::string family : {"sd1", "sd2v", "sdxl", "small"}) {
    CAPTURE(family);
    for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_sde}) {
      const auto recipe = short_run(family, sampler);
      const auto plain = save(family, recipe, record("own"), file).latents;
      CHECK(with(family, recipe, {shared(file)}).latents == plain);
      CHECK(with(family, recipe, {share_recording(file.path)}).latents == plain);  // the prompt's row alone
      CHECK(with(family, recipe, {shared(file).strength(0)}).latents == plain);
      CHECK(relative_error(with(family, recipe, {shared(file).strength(0.5)}).latents[0], plain[0]) <= 1e-4);
      // One softmax over the same keys twice is that over them once.
      CHECK(relative_error(with(family, recipe, {shared(file, kUnion)}).latents[0], plain[0]) <= 1e-4);
    }
  }
}

TEST_CASE("a recorded style is looked at as its image beside is, aligned or not") {
  const File file("style.safetensors");
  auto recipe = short_run("sdxl");
  save("sdxl", recipe, record("style"), file);
  const auto both = [&](Share numbers) {
    numbers.image = 0;
    recipe.seeds = {3, 4};
    const auto beside = with("sdxl", recipe, {share(numbers).on(Rows::both)}).latents.at(1);
    numbers.image.reset(), numbers.recording = file.path;
    recipe.seeds = {4};
    return std::pair(beside, with("sdxl", recipe, {share(numbers).on(Rows::both)}).latents.at(0));
  };
  recipe.seeds = {4};
  const auto plain = with("sdxl", recipe, {}).latents.at(0);
  for (const Share& numbers :
       {Share{}, Share{.align = true}, Share{.align = true, .align_values = true, .gain_k = 1.2, .shift = 0.7},
        Share{.fidelity = 0.5}}) {
    const auto [beside, recorded] = both(numbers);
    CHECK(relative_error(recorded, beside) <= 1e-4);
    CHECK(relative_error(plain, beside) > 0.01);
  }
}

TEST_CASE("without guidance only the prompt's row is recorded, and read") {
  const File file("unguided.safetensors");
  auto recipe = short_run("small");
  recipe.guidance = 1;
  const auto plain = save("small", recipe, record("own"), file).latents;
  CHECK(with("small", recipe, {shared(file)}).latents == plain);
  recipe.guidance = 5;
  CHECK(contains(refusal("small", recipe, shared(file)),
                 "invalid_request: [controls[0].rows] only the prompt's row was recorded; expected rows cond"));
  CHECK(refusal("small", recipe, share_recording(file.path)) == "accepted");
}

TEST_CASE("another run's recording is looked at where and when it was recorded, and changes the picture there only") {
  const File file("other.safetensors");
  auto recipe = short_run("small", SamplerKind::euler, 4);
  recipe.seeds = {11};
  save("small", recipe, record("other").at("middle:0, output:1").steps(1, 3), file);
  recipe.seeds = {3};
  const auto plain = run("small", recipe);
  for (const auto how : {kInstead, kUnion}) {
    const auto result = with("small", recipe, {shared(file, how)});
    CHECK(relative_error(result.latents[0], plain.latents[0]) > 1e-3);
    CHECK(result.latents == with("small", recipe, {shared(file, how).at("middle:0, output:1").steps(1, 3)}).latents);
    const auto half = with("small", recipe, {shared(file, how).within(rectangle(0, 0, 0.5, 1)), capture("cat")});
    CHECK(half.latents != result.latents);
    CHECK(half.latents != plain.latents);
  }
}

TEST_CASE("an image of a batch is recorded as it is alone, and a batch reads a recording as each image does alone") {
  const File file("batch.safetensors"), alone("alone.safetensors");
  auto batch = short_run("small", SamplerKind::heun), one = batch;
  batch.seeds = {3, 11}, one.seeds = {11};
  save("small", batch, record("second").for_images({1}), file);
  save("small", one, record("second"), alone);
  CHECK(bytes_of(file.path) == bytes_of(alone.path));
  const auto both = with("small", batch, {shared(file)}).latents;
  CHECK(both[1] == run("small", one).latents[0]);
  one.seeds = {3};
  CHECK(both[0] == with("small", one, {shared(file)}).latents[0]);
  CHECK(contains(refusal("small", batch, record("both")), "[controls[0].images] a recording holds one image"));
}

TEST_CASE("recordings begin, go on and are read through edits of the controls") {
  const File file("edits.safetensors"), whole("whole.safetensors");
  auto recipe = short_run("small", SamplerKind::euler, 4);
  const auto plain = save("small", recipe, record("run").steps(1, 4), whole).latents;
  recipe.edits = {{1, {record("run")}}, {2, {record("run"), reweight("cat", 1)}}};
  const auto edited = run("small", recipe);
  REQUIRE(edited.recordings.size() == 1);
  save_recording(edited.recordings[0], file.path);
  CHECK(bytes_of(file.path) == bytes_of(whole.path));
  CHECK(edited.recordings[0].bytes == recording_bytes(recipe));

  Request request{.recipe = short_run("small", SamplerKind::euler, 4), .decode = false};
  request.live = std::make_shared<LiveControls>();
  request.progress = [&](const Progress& at) {
    if (at.step == 1) {
      CHECK_THROWS_AS(request.live->set({share_recording("/no/such/file")}), Error);
      request.live->set({shared(file)});
    }
    return true;
  };
  const auto live = tiny("small").generate(request);
  CHECK(live.latents == plain);
  CHECK(live.recipe.edits.size() == 1);
}

TEST_CASE("what a recording does not hold is refused by name") {
  const File file("holds.safetensors");
  const auto recipe = short_run("small", SamplerKind::euler, 4);
  save("small", recipe, record("some").at("output:1").steps(0, 3), file);
  const auto refuses = [&](const Control& control, const std::string& part) {
    return contains(refusal("small", recipe, control), part);
  };
  CHECK(refuses(shared(file).at("middle:0"), "invalid_request: [controls[0].where] mid_block"));
  CHECK(refuses(shared(file).steps(1, 4), "[controls[0].when] step 3 was not recorded; it holds steps 0..2"));
  CHECK(refuses(shared(file).steps(3, 4), "[controls[0].when] step 3 was not recorded"));
  CHECK(refuses(share_recording("/no/such/file.safetensors"), "not_found: [controls[0].recording]"));
  auto other = recipe;
  other.width = 64;
  CHECK(contains(refusal("small", other, shared(file)), "[controls[0].recording] it was recorded at a latent size of"));
  other = recipe;
  other.steps = 5;
  CHECK(contains(refusal("small", other, shared(file)), "expected the same steps and schedule"));
  other = short_run("sd1");
  CHECK(contains(refusal("sd1", other, shared(file)), "invalid_request: [controls[0].recording] [recording]"));
}

TEST_CASE("captures of keys that cannot be recorded are refused by name") {
  auto recipe = short_run("small");
  const auto refuses = [&](const Control& control, const std::string& part) {
    return contains(refusal("small", recipe, control), part);
  };
  CHECK(refuses(record("x").for_heads({0}), "[controls[0].heads]"));
  CHECK(refuses(record("x").at("output:9"), "[controls[0].where]"));
  recipe.guidance = 1;
  CHECK(refuses(record("x").on(Rows::both), "[controls[0].rows] no negative prompt is read"));
  recipe.edits = {{1, {guidance({{0, 1}, {1, 8}}), record("x")}}};
  CHECK(refuses(temperature(0.5), "[edits[0].controls[1].rows] there is guidance at some of its steps only"));
}

TEST_CASE("a recording that cannot fit in memory is refused before the run, with its size") {
  auto recipe = short_run("builtin", SamplerKind::euler, 1000);
  recipe.width = recipe.height = 2048;
  const auto text = refusal("builtin", recipe, record("everything"));
  CHECK(contains(text, "out_of_memory: [memory]"));
  CHECK(contains(text, "GB of recordings"));
}

TEST_CASE("damaged and hostile recordings are told apart from mistakes, and never read") {
  const File file("good.safetensors"), bad("bad.safetensors");
  const auto recipe = short_run("small");
  save("small", recipe, record("good").at("middle:0"), file);
  const auto good = io::open_safetensors(file.path);
  const auto header = good.metadata.at("corepulse.recording");
  const auto spoiled = [&](const std::string& metadata, const std::function<void(io::Tensors&)>& change) {
    auto tensors = good.tensors;
    change(tensors);
    io::write_safetensors(bad.path, tensors, {{"corepulse.recording", metadata}});
    return refusal("small", recipe, shared(bad));
  };
  const auto replaced = [&](const std::string& from, const std::string& to) {
    auto text = header;
    REQUIRE(text.find(from) != text.npos);
    return spoiled(text.replace(text.find(from), from.size(), to), [](io::Tensors&) {});
  };
  CHECK(spoiled(header, [](io::Tensors&) {}) == "accepted");
  CHECK(contains(refusal("small", recipe, share_recording(tiny_folder("small") + "/unet/config.json")), "bad_file"));
  CHECK(contains(
      refusal("small", recipe, share_recording(tiny_folder("small") + "/unet/diffusion_pytorch_model.safetensors")),
      "bad_file: [controls[0].recording] [recording]"));
  CHECK(contains(replaced("\"version\":1", "\"version\":2"), "bad_file: [controls[0].recording]"));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"\"steps\":[0,1,2]", "\"steps\":[0,2,1]"},
                                                        {"\"steps\":[0,1,2]", "\"steps\":[0,1,2000000000]"},
                                                        {"\"steps\":[0,1,2]", "\"steps\":[-1,1,2]"},
                                                        {"\"steps\":[0,1,2]", "\"steps\":[0,1]"},
                                                        {"\"steps\":[0,1,2]", "\"steps\":\"all\""},
                                                        {"\"steps\":[0,1,2]", "\"more\":1,\"steps\":[0,1,2]"},
                                                        {"\"height\":", "\"height\":99999999"},
                                                        {"\"unconditional\":true", "\"unconditional\":false"},
                                                        {"{", "{{"}})
    CHECK(contains(replaced(from, to), "bad_file: [controls[0].recording]"));
  const auto layer = good.tensors.begin()->first;
  const auto refuses = [&](const std::function<void(io::Tensors&)>& change) {
    return contains(spoiled(header, change), "bad_file: ");
  };
  CHECK(refuses([](io::Tensors& tensors) { tensors.clear(); }));
  CHECK(refuses([&](io::Tensors& tensors) { tensors["no.such.layer"] = tensors[layer]; }));
  CHECK(refuses([&](io::Tensors& tensors) { std::swap(tensors[layer].shape[2], tensors[layer].shape[3]); }));
  CHECK(refuses([&](io::Tensors& tensors) { tensors[layer].type = io::StoredType::i32; }));
  std::vector<std::byte> numbers(good.tensors.at(layer).data,
                                 good.tensors.at(layer).data + good.tensors.at(layer).bytes);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::memcpy(numbers.data() + numbers.size() / 2, &nan, sizeof nan);
  CHECK(contains(spoiled(header, [&](io::Tensors& tensors) { tensors[layer].data = numbers.data(); }),
                 "numbers that are not finite"));
  auto cut = bytes_of(file.path);
  std::ofstream(bad.path, std::ios::binary) << cut.substr(0, cut.size() - 4);
  CHECK(contains(refusal("small", recipe, shared(bad)), "bad_file: [controls[0].recording]"));
}
