#pragma once
// Files of LoRAs with random numbers, for the layers of a tiny model.

#include <random>

#include "../io/support.h"
#include "io/tensors/safetensors.h"
#include "random_tensor.h"
#include "support.h"

namespace corepulse::test {

/** A file that changes layers whose path holds `part`, and text encoders if it is to. */
class LoraFile {
 public:
  enum class Kind {
    lora,         ///< Every linear layer, in PEFT's names.
    convolution,  ///< Convolutions as well.
    difference,   ///< Linear layers and convolutions by whole differences, and their biases.
    norm          ///< Weights and biases of norms.
  };
  LoraFile(const std::string& family, const std::string& part, unsigned seed, bool texts = false,
           Kind kind = Kind::lora)
      : random_(seed) {
    for (const auto& layer : model_layers({.model = tiny_folder(family)}))
      if (layer.path.find(part) != layer.path.npos) add(layer, kind);
    if (kind == Kind::norm) add_norms(fs::path(tiny_folder(family)) / "unet/diffusion_pytorch_model.safetensors");
    const auto& text = kTextWidth;
    if (texts) add("text_encoder.text_model.encoder.layers.1.self_attn.q_proj", text, text);
    io::write_safetensors(path(), tensors_);
  }
  std::string path() const { return (folder_ / "style.safetensors").string(); }
  std::string folder() const { return folder_.path().string(); }

 private:
  static constexpr int kTextWidth = 24;  // of the tiny models of every family but sd2
  static constexpr int kRank = 2;

  io::TensorView random(std::vector<int64_t> shape, float deviation) {
    return random_tensor(random_, std::move(shape), deviation);
  }
  void add(const std::string& name, int in, int out) {
    tensors_[name + ".lora_A.weight"] = random({kRank, in}, 0.5f);
    tensors_[name + ".lora_B.weight"] = random({out, kRank}, 0.1f);
  }
  void add(const LayerInfo& layer, Kind kind) {
    const auto name = "unet." + layer.path;
    const auto of = [&](int outputs, int inputs, int kernel) {
      if (!layer.convolution) return std::vector<int64_t>{outputs, inputs};
      return std::vector<int64_t>{outputs, inputs, kernel, kernel};
    };
    if (kind == Kind::lora && !layer.convolution) add(name, layer.in, layer.out);
    if (kind == Kind::convolution) {
      tensors_[name + ".lora_down.weight"] = random(of(kRank, layer.in, 3), 0.3f);
      tensors_[name + ".lora_up.weight"] = random(of(layer.out, kRank, 1), 0.1f);
    }
    if (kind == Kind::difference) {
      tensors_[name + ".diff"] = random(of(layer.out, layer.in, 3), 0.05f);
      if (layer.convolution) tensors_[name + ".diff_b"] = random({layer.out}, 0.1f);
    }
  }
  void add_norms(const fs::path& unet) {
    for (const auto& [name, view] : io::open_safetensors(unet).tensors) {
      if (view.shape.size() != 1 || name.find("norm") == name.npos) continue;
      const auto dot = name.rfind('.');
      tensors_["unet." + name.substr(0, dot) + (name[dot + 1] == 'w' ? ".w_norm" : ".b_norm")] =
          random(view.shape, 0.1f);
    }
  }

  Folder folder_;
  std::mt19937 random_;
  io::Tensors tensors_;
};

}  // namespace corepulse::test
