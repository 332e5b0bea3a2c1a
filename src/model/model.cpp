#include "model/model.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <tuple>

#include "base/fail.h"
#include "io/file.h"
#include "model/files/shipped.h"
#include "model/inspect.h"
#include "nn/stored.h"

namespace corepulse::model {
namespace {

using MadeByPart = std::map<Part, std::shared_ptr<nn::Made>>;

MadeByPart nothing_made(const Parts& parts) {
  MadeByPart made;
  for (const auto& [part, network] : parts.collection.networks) made[part] = std::make_shared<nn::Made>();
  return made;
}

template <class Network, class Config>
Network load_network(const Parts& parts, Part part, const Config& config, const Precision& precision,
                     const MadeByPart& made, const nn::Additions& additions = {}) {
  const auto& found = parts.collection.networks.at(part);
  // Reading beyond the end of a file that was cut since it was mapped would kill the process.
  for (const auto& mapping : found.mappings) mapping->check_unchanged();
  const nn::Weights weights(found.stored.tensors, name(part), precision.dtype, found.mappings, precision.int8,
                            made.at(part), additions);
  Network network(weights, config);
  weights.require_all_taken();
  return network;
}

// bfloat16 has float32's range: as Diffusers, whose pipelines upcast float16 only.
mx::Dtype vae_dtype(const Parts& parts, mx::Dtype dtype) {
  return parts.vae.force_float32 && dtype == mx::float16 ? mx::float32 : dtype;
}

}  // namespace

namespace {

text::ClipTokenizer load_tokenizer(const TextPart& part) {
  auto vocabulary = part.tokenizer ? text::read_tokenizer_folder(*part.tokenizer)
                                   : text::read_clip_vocabulary(clip_vocabulary(), part.padding);
  // LongCLIP's encoders have more positions than CLIP.
  if (!part.tokenizer) vocabulary.max_length = std::max(vocabulary.max_length, part.config.positions);
  text::ClipTokenizer tokenizer(vocabulary);
  const auto& config = part.config;
  if (tokenizer.vocabulary_size() > config.vocabulary || tokenizer.max_length() > config.positions)
    fail(ErrorCode::unsupported_model, "model",
         fmt::format("the tokenizer {} has {} tokens, {} per prompt; the {} knows {} and {}; give the model's own: "
                     "--tokenizer FOLDER",
                     part.tokenizer ? part.tokenizer->string() : "of CLIP", tokenizer.vocabulary_size(),
                     tokenizer.max_length(), name(part.part), config.vocabulary, config.positions));
  return tokenizer;
}

}  // namespace

std::vector<text::ClipTokenizer> load_tokenizers(const Parts& parts) {
  std::vector<text::ClipTokenizer> all;
  int shortest = std::numeric_limits<int>::max();
  for (const auto& part : parts.texts) {
    all.push_back(load_tokenizer(part));
    shortest = std::min(shortest, all.back().max_length());
  }
  for (auto& tokenizer : all) tokenizer.shorten(shortest);
  return all;
}

std::shared_ptr<const Model> load(const Parts& parts, Precision precision) {
  const auto dtype = precision.dtype;
  const auto tokenizers = load_tokenizers(parts);
  const auto made = nothing_made(parts);
  std::vector<TextEncoder> texts;
  for (size_t i = 0; i < tokenizers.size(); ++i) {
    const auto& text = parts.texts[i];
    texts.push_back(
        {tokenizers[i], load_network<text::ClipTextModel>(parts, text.part, text.config, dtype, made), text.rule});
  }
  return std::make_shared<const Model>(
      Model{describe(parts), std::move(texts), load_network<unet::UNet>(parts, Part::unet, parts.unet, precision, made),
            load_network<vae::Autoencoder>(parts, Part::vae, parts.vae, vae_dtype(parts, dtype), made), parts.scheduler,
            parts.zeros_for_empty_prompt, made});
}

std::shared_ptr<const Model> changed(const Model& model, const Parts& parts, Precision precision,
                                     const Changes& changes) {
  auto copy = model;
  for (size_t i = 0; i < parts.texts.size(); ++i) {
    const auto& [part, config] = std::tie(parts.texts[i].part, parts.texts[i].config);
    if (const auto found = changes.find(part); found != changes.end())
      copy.text_encoders[i].model =
          load_network<text::ClipTextModel>(parts, part, config, precision.dtype, model.made, found->second);
  }
  if (const auto found = changes.find(Part::unet); found != changes.end())
    copy.unet = load_network<unet::UNet>(parts, Part::unet, parts.unet, precision, model.made, found->second);
  return std::make_shared<const Model>(std::move(copy));
}

uint64_t weight_bytes(const Parts& parts, Precision precision) {
  uint64_t bytes = 0;
  for (const auto& [part, network] : parts.collection.networks) {
    const auto dtype = part == Part::vae ? vae_dtype(parts, precision.dtype) : precision.dtype;
    for (const auto& [name, view] : network.stored.tensors) {
      const bool embedding = name.find("embedding.weight") != std::string::npos;
      bytes += part == Part::unet && precision.int8 ? view.elements() : nn::kept_bytes(view, dtype, !embedding);
    }
  }
  return bytes;
}

}  // namespace corepulse::model
