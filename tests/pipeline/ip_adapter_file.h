#pragma once
// IP-Adapters with random numbers for a tiny model, each with an encoder beside it.

#include <cmath>
#include <fmt/format.h>
#include <fstream>
#include <random>

#include "../io/support.h"
#include "control_net_file.h"
#include "io/tensors/safetensors.h"
#include "model/parts.h"
#include "random_tensor.h"
#include "support.h"
#include "unet/sites.h"

namespace corepulse::test {

/** Four tokens of a picture's vector, which an encoder of two layers for pictures of 16 x 16 pixels makes. */
class IpAdapterFile {
 public:
  explicit IpAdapterFile(const std::string& family, unsigned seed = 1) : random_(seed) {
    const auto parts = model::understand({.model = tiny_folder(family)});
    const int context = parts.unet.context_width;
    linear("image_proj.proj", kTokens * context, kProjection, true), norm("image_proj.norm", context);
    int number = 1;
    for (const auto kind : {control::BlockKind::input, control::BlockKind::output, control::BlockKind::middle})
      for (const auto& site : unet::sites(parts.unet)) {
        if (!site.cross || site.kind != kind) continue;
        const int channels = parts.unet.levels[static_cast<size_t>(site.level)].channels;
        linear(fmt::format("ip_adapter.{}.to_k_ip", number), channels, context, false);
        linear(fmt::format("ip_adapter.{}.to_v_ip", number), channels, context, false);
        number += 2;
      }
    write();
    write_encoder();
  }
  std::string path() const { return (folder_ / "adapter.safetensors").string(); }
  std::string encoder() const { return (folder_ / "image_encoder").string(); }
  /** By name, to be changed and written again. */
  io::Tensors& tensors() { return tensors_; }
  void write() const { io::write_safetensors(path(), tensors_); }

 private:
  static constexpr int kTokens = 4, kProjection = 6, kWidth = 8;

  void linear(const std::string& name, int out, int in, bool bias) {
    tensors_[name + ".weight"] = random_tensor(random_, {out, in}, 1.f / std::sqrt(float(in)));
    if (bias) tensors_[name + ".bias"] = random_tensor(random_, {out}, 0.3f);
  }
  void norm(const std::string& name, int width) {
    tensors_[name + ".weight"] = random_tensor(random_, {width}, 1);
    tensors_[name + ".bias"] = random_tensor(random_, {width}, 0.3f);
  }
  void write_encoder() {
    io::Tensors adapter;
    std::swap(adapter, tensors_);
    const std::string model = "vision_model.", layers = model + "encoder.layers.";
    tensors_[model + "embeddings.class_embedding"] = random_tensor(random_, {kWidth}, 1);
    tensors_[model + "embeddings.patch_embedding.weight"] = random_tensor(random_, {kWidth, 3, 8, 8}, 0.1f);
    tensors_[model + "embeddings.position_embedding.weight"] = random_tensor(random_, {5, kWidth}, 1);
    norm(model + "pre_layrnorm", kWidth), norm(model + "post_layernorm", kWidth);
    for (int i = 0; i < 2; ++i) {
      const auto layer = fmt::format("{}{}.", layers, i);
      for (const char* matrix : {"q_proj", "k_proj", "v_proj", "out_proj"})
        linear(layer + "self_attn." + matrix, kWidth, kWidth, true);
      norm(layer + "layer_norm1", kWidth), norm(layer + "layer_norm2", kWidth);
      linear(layer + "mlp.fc1", 2 * kWidth, kWidth, true), linear(layer + "mlp.fc2", kWidth, 2 * kWidth, true);
    }
    linear("visual_projection", kProjection, kWidth, false);
    std::filesystem::create_directories(encoder());
    io::write_safetensors(encoder() + "/model.safetensors", tensors_);
    std::ofstream(encoder() + "/config.json")
        << R"({"model_type": "clip_vision_model", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,)"
        << R"( "intermediate_size": 16, "image_size": 16, "patch_size": 8, "projection_dim": 6, "hidden_act": "gelu"})";
    std::swap(adapter, tensors_);
  }

  Folder folder_;
  std::mt19937 random_;
  io::Tensors tensors_;
};

/** Reads one picture of random blocks. */
inline Control read_picture(const IpAdapterFile& file, Curve strength = 1, unsigned picture = 5) {
  auto control = picture_prompt(file.path(), {}, std::move(strength));
  std::get<PicturePrompt>(control.effect).data = {block_picture(picture)};
  return control;
}

}  // namespace corepulse::test
