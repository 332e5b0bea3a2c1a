#pragma once
// Files of LoRAs with random numbers, for the layers of a tiny model.

#include <random>

#include "../io/support.h"
#include "io/tensors/safetensors.h"
#include "support.h"

namespace corepulse::test {

/** A file in PEFT's names that changes every linear layer whose path holds `part`, and text encoders if it is to. */
class LoraFile {
 public:
  LoraFile(const std::string& family, const std::string& part, unsigned seed, bool texts = false) : random_(seed) {
    for (const auto& layer : model_layers({.model = tiny_folder(family)}))
      if (!layer.convolution && layer.path.find(part) != layer.path.npos)
        add("unet." + layer.path, layer.in, layer.out);
    const auto& text = kTextWidth;
    if (texts) add("text_encoder.text_model.encoder.layers.1.self_attn.q_proj", text, text);
    io::write_safetensors(path(), tensors_);
  }
  std::string path() const { return (folder_ / "style.safetensors").string(); }
  std::string folder() const { return folder_.path().string(); }

 private:
  static constexpr int kTextWidth = 24;  // of the tiny models of every family but sd2

  io::TensorView random(std::vector<int64_t> shape, float deviation) {
    std::normal_distribution<float> normal(0, deviation);
    auto numbers = std::make_shared<std::vector<float>>(static_cast<size_t>(shape[0] * shape[1]));
    for (auto& x : *numbers) x = normal(random_);
    return {io::StoredType::f32, shape, reinterpret_cast<const std::byte*>(numbers->data()),
            numbers->size() * 4, false, numbers};
  }
  void add(const std::string& name, int in, int out) {
    constexpr int kRank = 2;
    tensors_[name + ".lora_A.weight"] = random({kRank, in}, 0.5f);
    tensors_[name + ".lora_B.weight"] = random({out, kRank}, 0.1f);
  }

  Folder folder_;
  std::mt19937 random_;
  io::Tensors tensors_;
};

}  // namespace corepulse::test
