// What a run will take, said before it starts.
#include <doctest/doctest.h>
#include <filesystem>

#include "model/full_size.h"
#include "pipeline/forecast/work.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

model::Parts stable_diffusion() {
  const auto file = std::filesystem::temp_directory_path() / "corepulse_estimate_sd1.safetensors";
  write_header_only(file, sd1_shapes());
  auto parts = model::understand({.model = file.string()});
  std::filesystem::remove(file);
  return parts;
}

Request request(const std::string& family, int side, int steps) {
  Request request{.recipe = golden_recipe(family)};
  request.recipe.width = request.recipe.height = side;
  request.recipe.steps = steps;
  return request;
}

}  // namespace

TEST_CASE("a call of Stable Diffusion's UNet, its encoder and its decoder have the multiply-adds of their layers") {
  const auto parts = stable_diffusion();
  const auto unet = pipeline::unet_work(parts, 64, 64), decoder = pipeline::decoder_work(parts, 64, 64),
             encoder = pipeline::encoder_work(parts, 64, 64);
  // At 512 x 512, counted apart from this code over the layers of LDM's definition.
  CHECK(unet.convolution + unet.matrix == doctest::Approx(337.10669824e9));
  CHECK(decoder.convolution + decoder.matrix == doctest::Approx(1240.079597568e9));
  CHECK(encoder.convolution + encoder.matrix == doctest::Approx(541.149364224e9));
}

TEST_CASE("four times the pixels are four times the products and sixteen times a picture's attention to itself") {
  const auto parts = stable_diffusion();
  const auto small = pipeline::unet_work(parts, 128, 128), large = pipeline::unet_work(parts, 256, 256);
  CHECK(large.convolution == doctest::Approx(4 * small.convolution));
  CHECK(large.matrix == doctest::Approx(4 * small.matrix));
  CHECK(large.attention > 15 * small.attention);
  CHECK(large.attention < 16 * small.attention);
  // Decoded in tiles, which overlap, and within which attention stays.
  const auto whole = pipeline::decoder_work(parts, 160, 160), tiled = pipeline::decoder_work(parts, 480, 480);
  CHECK(tiled.convolution > 9 * whole.convolution);
  CHECK(tiled.convolution < 18 * whole.convolution);
  CHECK(tiled.attention < 18 * whole.attention);
}

TEST_CASE("an estimate knows the model calls, and of a short run no more") {
  auto short_run = request("small", 64, 3);
  short_run.recipe.sampler = SamplerKind::heun;
  short_run.recipe.seeds = {1, 2};
  auto run = tiny("small").prepare(short_run);
  const auto estimate = run.estimate();
  CHECK(estimate.model_calls == std::move(run).generate().model_calls);
  CHECK(estimate.seconds == 0);
  CHECK(estimate.bytes > 0);
}

TEST_CASE("an estimate knows the keys and values of a text that is longer than one chunk") {
  auto run = request("builtin", 256, 3);
  run.recipe.syntax = PromptSyntax::a1111;
  const auto plain = tiny("builtin").estimate(run).bytes;
  for (int i = 0; i < 200; ++i) run.recipe.prompt += ", a cat in a park";
  const auto longer = tiny("builtin").estimate(run).bytes;
  const auto info = tiny("builtin").info();
  // 1001 tokens: 13 chunks and more beyond the first of each text, of which two are read.
  CHECK(longer > plain + 13 * 77 * 4 * 2 * 128 * static_cast<uint64_t>(info.sites.size() / 2));
  CHECK(longer < plain + (uint64_t{1} << 30));
}

TEST_CASE("an estimate has room for the previews of a tiny decoder, whose file is checked before the run") {
  auto run = request("small", 128, 3);
  run.decode = false;
  const auto plain = tiny("small").estimate(run).bytes;
  run.taesd = golden_folder() + "/taesd_model.safetensors";
  const auto forecast = tiny("small").estimate(run).bytes;
  run.recipe.width = run.recipe.height = 256;
  const auto larger = tiny("small").estimate(run).bytes;
  CHECK(forecast > plain);
  CHECK(larger > 2 * forecast);  // beside the weights in both
  const auto code = [](const std::string& family, const Request& wrong) {
    try {
      tiny(family).estimate(wrong);
      return ErrorCode::internal;
    } catch (const Error& error) {
      return error.code();
    }
  };
  run.taesd = "none.safetensors";
  CHECK(code("small", run) == ErrorCode::not_found);
  run.taesd = golden_folder() + "/sd1.safetensors";
  CHECK(code("small", run) == ErrorCode::unsupported_model);
  run.recipe.model = "builtin";
  CHECK(code("builtin", run) == ErrorCode::invalid_request);
}

TEST_CASE("previews of a tiny decoder have the picture's size, and leave its bits alone") {
  auto run = request("small", 64, 2);
  run.decode = false;
  const auto plain = tiny("small").generate(run).latents;
  run.taesd = golden_folder() + "/taesd_model.safetensors";
  int seen = 0;
  run.progress = [&](const Progress& at) {
    seen += at.preview(0).width == 64;
    return true;
  };
  CHECK(tiny("small").generate(run).latents == plain);
  CHECK(seen == 2);
}

TEST_CASE("a prepared run is drawn once, also when it fails") {
  auto once = request("small", 64, 3);
  auto run = tiny("small").prepare(once);
  CHECK(std::move(run).generate().model_calls > 0);
  const auto spent = "[run] it was drawn already; prepare it again";
  CHECK_THROWS_WITH_AS(std::move(run).generate(), spent, Error);
  CHECK_THROWS_WITH_AS(run.estimate(), spent, Error);
  once.progress = [](const Progress&) { return false; };
  auto cancelled = tiny("small").prepare(once);
  CHECK_THROWS_AS(std::move(cancelled).generate(), Error);
  CHECK_THROWS_WITH_AS(std::move(cancelled).generate(), spent, Error);
}

TEST_CASE("an estimate of a long run grows with what there is to do") {
  const auto& pipeline = tiny("builtin");
  const auto few = pipeline.estimate(request("builtin", 4096, 10)),
             many = pipeline.estimate(request("builtin", 4096, 100));
  const auto smaller = pipeline.estimate(request("builtin", 2048, 10));
  CHECK(few.seconds > 0);  // at this machine's pace, which changes with what else it does
  CHECK(many.model_calls == 10 * few.model_calls);
  CHECK(few.bytes > 3 * smaller.bytes);
  auto wrong = request("builtin", 4096, 10);
  wrong.recipe.steps = 0;
  CHECK_THROWS_AS(pipeline.estimate(wrong), Error);
}
