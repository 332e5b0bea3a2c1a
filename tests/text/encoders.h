#pragma once
// The tiny models' text encoders with their tokenizers.

#include <filesystem>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/tensors/safetensors.h"
#include "support/places.h"
#include "text/clip_text_model.h"
#include "text/clip_tokenizer.h"
#include "text/config_json.h"
#include "text/tokenizer_folder.h"

namespace corepulse::text {

struct Encoder {
  ClipTokenizer tokenizer;
  ClipTextModel model;
};

inline Encoder load_encoder(const std::string& family, const std::string& tokenizer, const std::string& encoder) {
  const auto folder = std::filesystem::path(test::golden_folder()) / "models" / family;
  auto tensors = io::open_safetensors(folder / encoder / "model.safetensors").tensors;
  std::erase_if(tensors, [](const auto& entry) { return entry.first.ends_with("position_ids"); });
  const nn::Weights weights(tensors, "text encoder", mx::float32);
  return {ClipTokenizer(read_tokenizer_folder(folder / tokenizer)),
          ClipTextModel(weights, config_from_json(io::read_json(folder / encoder / "config.json"), "config.json"))};
}

/** One; two of SDXL. */
inline std::vector<Encoder> encoders(const std::string& family) {
  std::vector<Encoder> all;
  all.push_back(load_encoder(family, "tokenizer", "text_encoder"));
  if (family == "sdxl") all.push_back(load_encoder(family, "tokenizer_2", "text_encoder_2"));
  return all;
}

}  // namespace corepulse::text
