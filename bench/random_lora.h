#pragma once
// A LoRA of true shapes without meaning.

#include <random>
#include <string>

#include "corepulse/model.h"

#include "io/tensors/safetensors.h"
#include "random_tensors.h"
#include "temporary_file.h"

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
    io::write_safetensors(file_.path(), tensors);
  }
  std::string path() const { return file_.path().string(); }

 private:
  TemporaryFile file_{".safetensors"};
};

}  // namespace corepulse
