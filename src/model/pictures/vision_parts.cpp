// CLIP's vision encoders: where they lie, what shape they have, and which adapter reads which.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/file.h"
#include "io/tensors/safetensors.h"
#include "io/utf8.h"
#include "model/files/folder.h"
#include "model/files/tensor_sizes.h"
#include "model/pictures/picture_adapter.h"
#include "nn/stored.h"

namespace corepulse::model {
namespace {

namespace fs = std::filesystem;
using Reads = vision::IpAdapterConfig;

constexpr const char* kEncoder = "image encoder";
constexpr int kMostEncoderLayers = 256;

[[noreturn]] void refuse_encoder(const fs::path& path, const std::string& why) {
  fail(ErrorCode::unsupported_model, kEncoder, fmt::format("{}: {}", path.string(), why));
}

/** What published encoders have that no tensor tells, by their width. */
vision::Config config_by_tensors(const VisionParts& parts) {
  const TensorSizes sizes(parts.tensors, parts.path,
                          {.part = kEncoder,
                           .missing = "; expected CLIP's vision encoder under transformers' names, as "
                                      "CLIPVisionModelWithProjection is saved"});
  const std::string embeddings = "vision_model.embeddings.";
  vision::Config c;
  c.width = sizes.size(embeddings + "class_embedding", 0);
  if (c.width != 1024 && c.width != 1280 && c.width != 1664)
    refuse_encoder(parts.path, fmt::format("its width, {}, is of no encoder that is known by it; expected a folder "
                                           "with a config.json",
                                           c.width));
  c.heads = 16, c.quick_gelu = c.width == 1024;
  c.patch_size = sizes.size(embeddings + "patch_embedding.weight", 2);
  const int patches = sizes.size(embeddings + "position_embedding.weight", 0) - 1;
  const int side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(patches))));
  if (side < 1 || side * side != patches) refuse_encoder(parts.path, "its patches are no square");
  c.image_size = side * c.patch_size;
  c.projection = sizes.size("visual_projection.weight", 0);
  c.mlp_width = sizes.size("vision_model.encoder.layers.0.mlp.fc1.weight", 0);
  c.layers = sizes.count("vision_model.encoder.layers.", kMostEncoderLayers);
  return c;
}

/** Without what a whole CLIP model has beside, and numbers that count positions. */
io::Tensors of_vision(const io::Tensors& tensors) {
  io::Tensors own;
  for (const auto& [name, view] : tensors)
    if (!name.ends_with("position_ids") && !name.starts_with("text_model.") && name != "text_projection.weight" &&
        name != "logit_scale")
      own.emplace(name, view);
  return own;
}

VisionParts read_encoder(const fs::path& path) {
  std::error_code ignored;
  VisionParts parts{.path = path, .tensors = {}, .mappings = {}, .config = {}};
  if (fs::is_directory(path, ignored)) {
    auto component = read_component(path, "");
    parts.mappings = std::move(component.weights.mappings), parts.tensors = of_vision(component.weights.tensors);
    parts.config = vision::config_from_json(component.config, component.config_file.string());
    return parts;
  }
  auto opened = io::open_safetensors(path);
  parts.mappings = {opened.mapping}, parts.tensors = of_vision(opened.tensors);
  const auto beside = path.parent_path() / "config.json";
  parts.config = io::is_there(beside) ? vision::config_from_json(io::read_json(beside), beside.string())
                                      : config_by_tensors(parts);
  return parts;
}

/** What the adapter reads of such an encoder. */
int width_read(const Reads& reads, const vision::Config& encoder) {
  return reads.kind == Reads::Kind::base ? encoder.projection : encoder.width;
}

std::string wanted_encoder(const Reads& reads) {
  const bool base = reads.kind == Reads::Kind::base;
  const char* known = reads.input == (base ? 1024 : 1280)   ? " (OpenCLIP's ViT-H/14)"
                      : reads.input == (base ? 1280 : 1664) ? " (OpenCLIP's ViT-bigG/14)"
                                                            : "";
  return fmt::format("CLIP's vision encoder with {} of {}{}", base ? "a projection" : "hidden states", reads.input,
                     known);
}

/** All of its tensors are used, and there are no others. */
void check_encoder(const VisionParts& parts) {
  const auto weights = nn::Weights::header(parts.tensors, kEncoder);
  const vision::ClipVisionModel model(weights, parts.config);
  weights.require_all_taken();
}

}  // namespace

uint64_t VisionParts::bytes(mx::Dtype dtype) const {
  uint64_t all = 0;
  for (const auto& [name, view] : tensors) all += nn::kept_bytes(view, dtype, true);
  return all;
}

VisionParts find_vision_encoder(const PictureAdapterParts& adapter, const fs::path& given) {
  const auto& reads = adapter.config;
  const auto folder = adapter.path.parent_path();
  std::vector<fs::path> places{given};
  if (given.empty())
    places = {folder / "image_encoder", folder / ".." / "image_encoder", folder / ".." / "models" / "image_encoder"};
  std::string others;
  for (const auto& place : places) {
    if (!io::is_there(place)) continue;
    auto parts = read_encoder(place);
    if (width_read(reads, parts.config) == reads.input) return check_encoder(parts), parts;
    others += fmt::format("; that of {} has {}", place.string(), width_read(reads, parts.config));
  }
  if (!others.empty())
    refuse_encoder(adapter.path, fmt::format("it reads {}{}; expected the encoder that it was trained with, as "
                                             "\"encoder\" or in image_encoder beside it",
                                             wanted_encoder(reads), others));
  fail(ErrorCode::not_found, kEncoder,
       fmt::format("{} reads {}, and there is none at {}; expected its folder there, or \"encoder\": its path",
                   adapter.path.string(), wanted_encoder(reads), io::printable(places[0].string(), 300)));
}

std::shared_ptr<const vision::ClipVisionModel> load_vision(const VisionParts& parts, mx::Dtype dtype) {
  for (const auto& mapping : parts.mappings) mapping->check_unchanged();
  const nn::Weights weights(parts.tensors, kEncoder, dtype, parts.mappings);
  auto model = std::make_shared<const vision::ClipVisionModel>(weights, parts.config);
  weights.require_all_taken();
  return model;
}

}  // namespace corepulse::model
