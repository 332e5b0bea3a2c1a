#pragma once
// A LoRA of true shapes without meaning.

#include <filesystem>
#include <fmt/format.h>
#include <random>
#include <string>

#include "corepulse/model.h"

#include "io/tensors/safetensors.h"
#include "random_tensors.h"

namespace corepulse {

/** A file of random numbers for every linear layer in the UNet's blocks, there for as long as this lives. */
class RandomLora {
 public:
  RandomLora(const std::string& model, int rank) {
    std::minstd_rand random(1);
    io::Tensors tensors;
    for (const auto& layer : model_layers({.model = model})) {
      if (layer.convolution || layer.block.empty()) continue;
      const auto name = "unet." + layer.path;
      tensors.emplace(name + ".lora_A.weight", random_tensor("", {rank, layer.in}, random));
      tensors.emplace(name + ".lora_B.weight", random_tensor("", {layer.out, rank}, random));
    }
    io::write_safetensors(path_, tensors);
  }
  ~RandomLora() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  RandomLora(const RandomLora&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / fmt::format("corepulse_bench_{}.safetensors", std::random_device()());
};

}  // namespace corepulse
