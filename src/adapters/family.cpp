#include "adapters/family.h"

#include <algorithm>
#include <initializer_list>

#include "adapters/keys.h"
#include "adapters/stored.h"

namespace corepulse::adapters {
namespace {

enum Family : unsigned { none = 0, sd1 = 1, sd2 = 2, sdxl = 4, refiner = 8 };

constexpr struct {
  unsigned families;
  const char* name;
} kNames[] = {
    {sd1, "Stable Diffusion 1"},
    {sd2, "Stable Diffusion 2"},
    {sd1 | sd2, "Stable Diffusion 1 or 2"},
    {sdxl, "Stable Diffusion XL"},
    {refiner, "Stable Diffusion XL's refiner"},
};

constexpr struct {
  std::string_view part, name;
} kOther[] = {
    {"double_blocks", "Flux"},
    {"single_transformer_blocks", "Flux"},
    {"joint_blocks", "Stable Diffusion 3"},
    {"joint_transformer_blocks", "Stable Diffusion 3"},
    {"lora_te3_", "Stable Diffusion 3"},
    {"lora_prior_", "Stable Cascade"},
    {"cross_attn.norm_k", "Wan"},
    {"context_refiner", "Lumina"},
    {"txt_mlp", "Qwen-Image"},
    {"motion_modules", "AnimateDiff"},
};

std::string name_of(unsigned families) {
  for (const auto& [these, name] : kNames)
    if (these == families) return name;
  return "Stable Diffusion";
}

bool any_holds(const io::Tensors& tensors, std::initializer_list<std::string_view> parts) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& entry) {
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return entry.first.find(part) != std::string::npos; });
  });
}

/** By how many numbers cross-attention reads of each token. */
unsigned by_width(int64_t width) {
  return width == 768 ? sd1 : width == 1024 ? sd2 : width == 2048 ? sdxl : width == 1280 ? refiner : none;
}

unsigned by_shapes(const io::Tensors& tensors) {
  for (const auto& [key, view] : tensors) {
    if (key.find("attn2") == key.npos || (key.find("to_k") == key.npos && key.find("to_v") == key.npos)) continue;
    const auto found = split(key);
    const auto sizes = squeezed(view.shape);
    if (!found || sizes.size() != 2 ||
        (found->slot != "lora_down" && found->slot != "hada_w1_b" && found->slot != "diff"))
      continue;
    if (const auto family = by_width(sizes[1])) return family;
  }
  return none;
}

unsigned by_metadata(const std::map<std::string, std::string>& metadata) {
  for (const char* field : {"ss_base_model_version", "modelspec.architecture"}) {
    const auto found = metadata.find(field);
    if (found == metadata.end()) continue;
    const auto says = [&](std::string_view part) { return found->second.find(part) != std::string::npos; };
    if (says("xl")) return sdxl;
    if (says("-v1") || says("sd_v1") || says("sd_1")) return sd1;
    if (says("-v2") || says("sd_v2") || says("sd_2")) return sd2;
  }
  return none;
}

/** SDXL's blocks hold several transformer blocks, and none at the largest size. */
unsigned by_names(const io::Tensors& tensors) {
  if (any_holds(tensors, {"lora_te2_", "text_encoder_2.", "add_embedding", "label_emb", "transformer_blocks_1_",
                          "transformer_blocks.1."}))
    return sdxl;
  if (any_holds(tensors, {"down_blocks_0_attentions", "down_blocks.0.attentions", "up_blocks_3_", "up_blocks.3.",
                          "input_blocks_1_1_", "input_blocks_10_"}))
    return sd1 | sd2;
  return none;
}

unsigned families_told(const io::SafetensorsFile& file) {
  if (const auto found = by_shapes(file.tensors)) return found;
  if (const auto found = by_metadata(file.metadata)) return found;
  return by_names(file.tensors);
}

const Sizes* shape_of(const Shapes& model, std::string_view part) {
  const auto unet = model.find("unet");
  if (unet == model.end()) return nullptr;
  for (const auto& [name, shape] : unet->second)
    if (name.find(part) != name.npos) return &shape;
  return nullptr;
}

unsigned family(const Shapes& model) {
  const auto* reads = shape_of(model, ".attn2.to_k.weight");
  const auto known = reads && reads->size() > 1 ? by_width(reads->at(1)) : none;
  if (known) return known;
  if (model.contains("text_encoder_2")) return sdxl;
  const auto* projection = shape_of(model, ".proj_in.weight");
  return projection && projection->size() == 2 ? sd2 : sd1;
}

}  // namespace

std::string family_told(const io::SafetensorsFile& file) {
  for (const auto& [part, name] : kOther)
    if (any_holds(file.tensors, {part})) return std::string(name);
  const auto families = families_told(file);
  return families ? name_of(families) : "";
}

std::optional<std::string> other_family(const io::SafetensorsFile& file, const Shapes& model) {
  for (const auto& [part, name] : kOther)
    if (any_holds(file.tensors, {part})) return std::string(name);
  const unsigned found = families_told(file);
  if (!found || (found & family(model))) return {};
  return name_of(found);
}

std::string family_of(const Shapes& model) {
  return name_of(family(model));
}

}  // namespace corepulse::adapters
