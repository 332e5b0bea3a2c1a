#pragma once
// The tiny random UNets of tests/golden, ready to call.

#include "io/json.h"
#include "io/tensors/safetensors.h"
#include "model/config/config_json.h"
#include "support/golden.h"
#include "support/places.h"
#include "support/plain_control.h"
#include "unet/unet.h"

namespace corepulse::test {

inline unet::UNet load_unet(const std::string& folder, mx::Dtype dtype) {
  std::vector<std::string> notes;
  const auto json = io::read_json(folder + "/config.json");
  return {nn::Weights(io::open_safetensors(folder + "/diffusion_pytorch_model.safetensors").tensors, "unet", dtype),
          model::unet_config(json, folder, notes)};
}

inline unet::UNet tiny_unet(const std::string& family, mx::Dtype dtype = mx::float32) {
  if (family == "builtin") return load_unet(test::model_folder() + "/builtin/unet", dtype);
  return load_unet(test::golden_folder() + "/models/" + family + "/unet", dtype);
}

/** One golden call: row 0 reads text 1 (unconditional), row 1 text 0. */
struct Case {
  Case(const Golden& golden, int n, const std::string& of = "") {
    const auto prefix = of + "unet/" + std::to_string(n) + "/";
    x = golden.nhwc(prefix + "x");
    out = golden.nhwc(prefix + "out");
    const auto context = golden.array(prefix + "context");
    const auto row = [&](int r) { return mx::slice(context, {r, 0, 0}, {r + 1, context.shape(1), context.shape(2)}); };
    texts = {row(1), row(0)};
    step.t = golden.array(prefix + "t").item<float>();
    step.rows = {{0, false}, {0, true}};
    if (!golden.has(prefix + "pooled")) return;
    const auto ids = golden.array(prefix + "time_ids");
    const auto* id = ids.data<float>();
    added = unet::AddedConditioning{golden.array(prefix + "pooled"), {}};
    const int each = ids.shape(1);
    for (int r = 0; r < 2; ++r) added->time_ids.emplace_back(id + r * each, id + (r + 1) * each);
  }
  mx::array run(const unet::UNet& unet, const control::Control& control) const {
    attention::RunCache cache;
    auto y = unet(x, {control, step, texts, cache}, added);
    mx::eval(y);
    return y;
  }
  mx::array x{0.f}, out{0.f};
  std::vector<mx::array> texts;
  control::Step step;
  std::optional<unet::AddedConditioning> added;
};

}  // namespace corepulse::test
