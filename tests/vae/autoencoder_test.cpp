// The autoencoder computes what Diffusers computes, whole or in tiles.
#include "vae/autoencoder.h"

#include <doctest/doctest.h>

#include "io/json.h"
#include "model/config/config_json.h"
#include "support/golden.h"
#include "support/places.h"
#include "vae/tiles.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

vae::Autoencoder load(const std::string& family) {
  const auto folder =
      (family == "builtin" ? test::model_folder() + "/builtin" : test::golden_folder() + "/models/" + family) + "/vae";
  std::vector<std::string> notes;
  const auto config = model::vae_config(io::read_json(folder + "/config.json"), folder, notes);
  return {
      nn::Weights(io::open_safetensors(folder + "/diffusion_pytorch_model.safetensors").tensors, "vae", mx::float32),
      config};
}

}  // namespace

TEST_CASE("encode and decode equal Diffusers' within 1e-4") {
  for (const std::string family : {"sd1", "sd2", "sdxl", "small"}) {
    CAPTURE(family);
    const Golden golden(family);
    const auto vae = load(family);
    const auto posterior = vae.encode(golden.nhwc("vae/image"));
    CHECK(relative_error(posterior.mean, golden.nhwc("vae/mean")) <= 1e-4);
    CHECK(relative_error(posterior.logvar, golden.nhwc("vae/logvar")) <= 1e-4);
    CHECK(relative_error(vae.scaled(posterior.mean), golden.nhwc("vae/latent")) <= 1e-4);
    CHECK(relative_error(vae.decode(golden.nhwc("vae/z")), golden.nhwc("vae/decoded")) <= 1e-4);
  }
}

TEST_CASE("tiles that cover everything at once are the whole decode, bit for bit") {
  const Golden golden("small");
  const auto vae = load("small");
  const auto z = golden.nhwc("vae/z");
  CHECK(same_bits(vae.decode_tiled(z, 64), vae.decode(z)));
}

TEST_CASE("only latents too large to be decoded whole are tiled") {
  const auto vae = load("small");
  const auto z = mx::zeros({1, 161, 160, 4});
  const auto piece = mx::slice(z, {0, 0, 0, 0}, {1, 16, 16, 4});
  CHECK(same_bits(vae.decode_within_memory(piece), vae.decode(piece)));
  CHECK(same_bits(vae.decode_within_memory(z), vae.decode_tiled(z, vae::kTile)));
}

TEST_CASE("tiling an upsampling without norms changes nothing but rounding") {
  const auto z = mx::reshape(mx::arange(0, 13 * 10 * 3, mx::float32), {1, 13, 10, 3});
  const auto upsample = [](const mx::array& part) { return kernels::upsample2x_reference(part); };
  for (const int tile : {4, 5, 8, 16})
    CHECK(relative_error(vae::tiled(z, tile, {1, 2}, upsample), upsample(z)) <= 1e-6);
}

TEST_CASE("encoding in tiles equals Diffusers' tiled_encode, and one tile is the whole") {
  const Golden golden("init");
  const auto vae = load("sd1");
  const auto picture = golden.nhwc("tiled/image");
  const auto posterior = vae.encode_tiled(picture, 4);
  CHECK(relative_error(posterior.mean, golden.nhwc("tiled/mean")) <= 1e-4);
  CHECK(relative_error(posterior.logvar, golden.nhwc("tiled/logvar")) <= 1e-4);
  CHECK(relative_error(vae.encode(picture).mean, golden.nhwc("tiled/mean")) > 1e-3);
  CHECK(same_bits(vae.encode_tiled(picture, 16).mean, vae.encode(picture).mean));
}

TEST_CASE("only pictures too large to be encoded whole are tiled") {
  const auto vae = load("small");
  const int side = vae.config().downscale();
  const auto large = mx::zeros({1, 161 * side, 160 * side, 3});
  CHECK(same_bits(vae.encode_within_memory(large).mean, vae.encode_tiled(large, vae::kTile).mean));
  const auto piece = mx::slice(large, {0, 0, 0, 0}, {1, 16 * side, 16 * side, 3});
  CHECK(same_bits(vae.encode_within_memory(piece).mean, vae.encode(piece).mean));
}
