#include <doctest/doctest.h>

#include "../io/support.h"
#include "io/tensors/safetensors.h"
#include "kernels/device.h"
#include "model/model.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::model;
using namespace corepulse::test;

namespace {

const std::string kModels = test::golden_folder() + "/models/";

std::shared_ptr<const Model> loaded(const ModelSource& source, mx::Dtype dtype = mx::float32) {
  return load(understand(source), dtype);
}

/** A copy of the tiny model `small`, and a way to change one component's tensors. */
class Copy : public Folder {
 public:
  Copy() { fs::copy(kModels + "small", path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing); }

  template <class Change>
  void change(const std::string& file, Change change) const {
    auto opened = io::open_safetensors(*this / file);
    change(opened.tensors);
    io::write_safetensors(*this / (file + ".new"), opened.tensors);
    fs::rename(*this / (file + ".new"), *this / file);
  }
  std::string refused() const {
    return refusal([&] { loaded({.model = path().string()}); });
  }
};

struct Network {
  const char *component, *file, *tensor;
};

constexpr Network kNetworks[] = {
    {"unet", "unet/diffusion_pytorch_model.safetensors", "mid_block.resnets.1.conv1.weight"},
    {"vae", "vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias"},
    {"text_encoder", "text_encoder/model.safetensors", "encoder.layers.1.mlp.fc1.weight"},
};

}  // namespace

TEST_CASE("tiny models of every family load, as folders and as single files") {
  for (const std::string name : {"sd1", "sd2", "sd2v", "sdxl", "inpaint", "small"}) {
    CAPTURE(name);
    const auto model = loaded({.model = kModels + name});
    CHECK(model->text_encoders.size() == (name == "sdxl" ? 2 : 1));
    CHECK(model->unet.sites().size() == model->info.sites.size());
    CHECK(model->text_encoders[0].tokenizer.max_length() == 77);
  }
  for (const std::string name : {"sd1", "sd2", "sdxl"}) {
    CAPTURE(name);
    const auto model = loaded({.model = kModels + name + ".safetensors", .config = kModels + name});
    CHECK(name == corepulse::name(model->info.family));
  }
}

TEST_CASE("the built-in model loads from what is shipped") {
  const auto model = loaded({});
  CHECK(model->info.builtin);
  CHECK(model->text_encoders[0].tokenizer.vocabulary_size() == 1556);
  const auto parts = understand({});
  // It is stored in float16, which the own kernels keep; norms, biases and embeddings become float32.
  const bool kept = kernels::keeps_halves();
  const auto all = model->info.parameters, of_vae = model->info.components[1].parameters;
  const auto f32 = weight_bytes(parts, mx::float32), f16 = weight_bytes(parts, mx::float16);
  CHECK(f32 > 2 * all);
  CHECK(f32 <= (kept ? 2 * all + all / 20 : 4 * all));
  CHECK(f16 >= 2 * all);  // its VAE computes in float32
  CHECK(f16 <= 2 * (all + (kept ? of_vae / 20 : of_vae)));
}

TEST_CASE("a tensor that no network takes is named") {
  for (const auto& [component, file, tensor] : kNetworks) {
    CAPTURE(std::string(component));
    const Copy model;
    model.change(file, [](auto& tensors) { tensors["quite.another.tensor"] = tensors.begin()->second; });
    CHECK(has(model.refused(), {"unsupported_model", component, "quite.another.tensor"}));
  }
}

TEST_CASE("a tensor that is missing is named") {
  for (const auto& [component, file, tensor] : kNetworks) {
    CAPTURE(std::string(component));
    const Copy model;
    model.change(file, [name = tensor](auto& tensors) { REQUIRE(tensors.erase(name) == 1); });
    CHECK(has(model.refused(), {"unsupported_model", component, tensor}));
  }
}

TEST_CASE("a tensor of the wrong shape is named with both shapes") {
  const Copy model;
  model.change(kNetworks[0].file, [](auto& tensors) {
    auto& view = tensors.at("conv_norm_out.weight");
    view.shape = {2, view.shape.at(0) / 2};
  });
  CHECK(has(model.refused(), {"unsupported_model", "unet", "conv_norm_out.weight", "[2, 8]", "[16]"}));
}

TEST_CASE("a tokenizer that knows more tokens than the text encoder is refused") {
  auto source = ModelSource{.model = kModels + "sd1.safetensors", .family = "sd1"};
  const Folder config;  // the configs without the tokenizer: CLIP's own is taken
  fs::copy(kModels + "sd1", config.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  fs::remove_all(config / "tokenizer");
  source.config = config.path().string();
  CHECK(has(refusal([&] { loaded(source); }), {"unsupported_model", "49408", "1556", "--tokenizer"}));
  source.tokenizer = kModels + "sd1/tokenizer";
  CHECK(loaded(source)->text_encoders[0].tokenizer.vocabulary_size() == 1556);
}

TEST_CASE("a VAE that overflows float16 computes in float32") {
  CHECK(loaded({}, mx::float16)->vae.dtype() == mx::float32);
  CHECK(loaded({}, mx::bfloat16)->vae.dtype() == mx::bfloat16);  // which has float32's range
}
