#include "model/inspect.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "../io/support.h"
#include "io/tensors/safetensors.h"
#include "model/files/shipped.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kModels = test::golden_folder() + "/models/";

SiteInfo site(const ModelInfo& info, const std::string& path) {
  const auto found = std::find_if(info.sites.begin(), info.sites.end(), [&](const auto& s) { return s.path == path; });
  REQUIRE(found != info.sites.end());
  return *found;
}

}  // namespace

TEST_CASE("the built-in model is what its card says") {
  const auto info = inspect_model({});
  CHECK(info.builtin);
  CHECK(info.name == "builtin");
  CHECK(info.prediction == Prediction::epsilon);
  CHECK(info.width == 256);
  CHECK(info.height == 256);
  CHECK(info.latent_downscale == 8);
  CHECK(info.context_width == 256);
  REQUIRE(info.components.size() == 3);
  CHECK(info.components[0].name == "unet");
  CHECK(info.components[0].dtype == "F16");
  CHECK(info.components[0].parameters / 100'000 == 350);  // 35.1 M
  CHECK(info.components[1].parameters / 100'000 == 87);   // 8.7 M
  CHECK(info.bytes == 2 * info.parameters);
  CHECK(info.sites.size() == 32);
  CHECK(info.notes.empty());
}

TEST_CASE("blocks stand in order of execution, with grids at the native size") {
  const auto info = inspect_model({});
  std::vector<std::string> ids;
  for (const auto& block : info.blocks) ids.push_back(block.id);
  CHECK(ids ==
        std::vector<std::string>{"input:0", "input:1", "input:2", "middle:0", "output:0", "output:1", "output:2"});
  const auto& first = info.blocks[0];
  CHECK(first.path == "down_blocks.0");
  CHECK(first.channels == 128);
  CHECK(first.grid_width == 32);
  CHECK(first.cross_layers == 2);
  CHECK(first.self_layers == 2);
  CHECK(first.heads == 2);
  CHECK(first.ldm == "input_1, input_2");
  CHECK(info.blocks[3].path == "mid_block");
  CHECK(info.blocks[3].grid_width == 8);
  CHECK(info.blocks[6].cross_layers == 3);
}

TEST_CASE("sites carry every name that selectors accept") {
  const auto info = inspect_model({.model = kModels + "sdxl"});
  const auto deep = site(info, "up_blocks.0.attentions.1.transformer_blocks.2.attn2");
  CHECK(deep.id == "output:0.1#2");
  CHECK(deep.block == "output:0");
  CHECK(deep.ldm == "ldm:output_1");
  CHECK(deep.attention == 1);
  CHECK(deep.depth == 2);
  CHECK(deep.cross);
  CHECK(deep.heads == 3);
  CHECK(deep.grid_height == 2);
  const auto flat = site(inspect_model({}), "down_blocks.1.attentions.0.transformer_blocks.0.attn1");
  CHECK(flat.id == "input:1.0");
  CHECK_FALSE(flat.cross);
  const auto middle = site(info, "mid_block.attentions.0.transformer_blocks.0.attn2");
  CHECK(middle.id == "middle:0.0#0");
  CHECK(middle.ldm == "ldm:middle_0");
}

TEST_CASE("an odd latent's grids round up") {
  const Folder folder;
  fs::copy(kModels + "small", folder.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  auto json = nlohmann::json::parse(get(folder / "unet/config.json"));
  json["sample_size"] = 9;
  put(folder / "unet/config.json", json.dump());
  const auto info = inspect_model({.model = folder.path().string()});
  CHECK(info.width == 72);
  CHECK(info.blocks[1].grid_width == 5);
  CHECK(info.blocks[2].grid_width == 3);
}

TEST_CASE("the JSON says what the structure says") {
  const auto info = inspect_model({});
  const auto json = nlohmann::json::parse(to_json(info));
  CHECK(json["family"] == "sd1");
  CHECK(json["prediction"] == "epsilon");
  CHECK(json["width"] == 256);
  CHECK_FALSE(json.contains("fingerprint"));  // no weights were read
  CHECK(json["components"].size() == 3);
  CHECK(json["components"][0]["parameters"] == info.components[0].parameters);
  CHECK(json["blocks"].size() == 7);
  CHECK(json["blocks"][4]["id"] == "output:0");
  CHECK(json["sites"].size() == 32);
  CHECK(json["sites"][1]["path"] == info.sites[1].path);
  CHECK(json["notes"].empty());
}

TEST_CASE("the table names components, blocks and notes") {
  auto info = inspect_model({});
  info.notes.push_back("something was guessed");
  const auto text = to_text(info);
  CHECK(has(text, {"256x256", "35.1 M", "8.7 M", "F16", "output:0", "up_blocks.0", "8x8",
                   "output_0, output_1, output_2", "note: something was guessed"}));
}

TEST_CASE("every file of the built-in model is what its checksums say, and damage is named") {
  verify_builtin_model();
  const Folder data;
  const auto model = data / "models/builtin";
  fs::create_directories(model.parent_path());
  fs::copy(model::builtin_folder(), model, fs::copy_options::recursive);
  ::setenv("COREPULSE_DATA", data.path().c_str(), 1);
  verify_builtin_model();
  auto bytes = get(model / "vae/diffusion_pytorch_model.safetensors");
  bytes[bytes.size() / 2] ^= 4;
  put(model / "vae/diffusion_pytorch_model.safetensors", bytes);
  CHECK(has(refusal([] { verify_builtin_model(); }), {"bad_file", "vae/diffusion_pytorch_model.safetensors"}));
  bytes.pop_back();
  put(model / "vae/diffusion_pytorch_model.safetensors", bytes);
  CHECK(has(refusal([] { inspect_model({}); }), {"bad_file", "vae/diffusion_pytorch_model.safetensors"}));
  fs::remove_all(model);
  CHECK(has(refusal([] { inspect_model({}); }), {"not_found", "models/builtin", "COREPULSE_DATA"}));
  ::unsetenv("COREPULSE_DATA");
}
