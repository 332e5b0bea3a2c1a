#include "adapters/names.h"

#include <algorithm>

#include "io/tensors/ldm_names.h"

namespace corepulse::adapters {
namespace {

constexpr const char *kUNet = "unet", *kText = "text_encoder", *kText2 = "text_encoder_2";

struct Prefix {
  std::string_view text, network;
  bool dotted;
};

// All that fit are tried, in this order.
constexpr Prefix kPrefixes[] = {
    {"lora_unet_", kUNet, false},
    {"lora_te1_", kText, false},
    {"lora_te2_", kText2, false},
    {"lora_te_", kText, false},
    {"lycoris_", kUNet, false},
    {"unet.base_model.model.", kUNet, true},
    {"unet.", kUNet, true},
    {"text_encoder.base_model.model.", kText, true},
    {"text_encoder.", kText, true},
    {"text_encoder_2.base_model.model.", kText2, true},
    {"text_encoder_2.", kText2, true},
    {"model.diffusion_model.", kUNet, true},
    {"diffusion_model.", kUNet, true},
    {"text_encoders.clip_l.transformer.", kText, true},
    {"text_encoders.clip_h.transformer.", kText, true},
    {"text_encoders.clip_g.transformer.", kText2, true},
    {"base_model.model.", kUNet, true},
    {"base_model.model.", kText, true},
    {"", kUNet, true},
    {"", kText, true},
};

std::string underscored(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

/** `name` with `to` in place of its last `from`, if it ends so. */
std::string ending_replaced(const std::string& name, std::string_view from, std::string_view to) {
  if (!name.ends_with(from)) return name;
  return name.substr(0, name.size() - from.size()) + std::string(to);
}

/** Other names with dots that the module has beside its own. */
std::vector<std::string> also_called(const std::string& name) {
  std::vector<std::string> names;
  const auto add = [&](std::string other) {
    if (other != name) names.push_back(std::move(other));
  };
  add(ending_replaced(name, ".to_out.0", ".to_out"));
  // Diffusers once trained a text encoder's attention under the UNet's names.
  for (const std::string_view letter : {"q", "k", "v"}) {
    const std::string text = ".self_attn." + std::string(letter) + "_proj",
                      unet = ".self_attn.to_" + std::string(letter);
    add(ending_replaced(name, text, unet));
  }
  add(ending_replaced(name, ".self_attn.out_proj", ".self_attn.to_out"));
  // As transformers 5.6 and later name them.
  constexpr std::string_view kTextModel = "text_model.";
  if (name.starts_with(kTextModel)) {
    names.push_back(name.substr(kTextModel.size()));
    const auto count = names.size() - 1;
    for (size_t i = 0; i < count; ++i) names.push_back(names[i].substr(kTextModel.size()));
  }
  return names;
}

/** The original names of modules by Diffusers'. */
std::map<std::string, std::string> original_names(const std::string& network,
                                                  const std::map<std::string, Module>& modules) {
  std::vector<std::string> names;
  for (const auto& [name, module] : modules) names.push_back(name);
  return io::from_diffusers(network == kUNet ? io::Naming::ldm_unet : io::Naming::open_clip, names);
}

}  // namespace

Names::Names(const Shapes& model) {
  for (const auto& [network, tensors] : model)
    for (const auto& [tensor, shape] : tensors)
      for (const std::string_view leaf : {".weight", ".bias"}) {
        if (!tensor.ends_with(leaf)) continue;
        const auto name = tensor.substr(0, tensor.size() - leaf.size());
        auto& module = modules_[network][name];
        module.network = network;
        module.name = name;
        (leaf == ".bias" ? module.bias : module.weight) = shape;
      }
  for (const auto& [network, modules] : modules_) {
    auto &dotted = dotted_[network], &plain = underscored_[network];
    const auto originals = original_names(network, modules);
    const auto add = [&](const std::string& name, const Module& module) {
      dotted.emplace(name, &module);
      plain.emplace(underscored(name), &module);
    };
    for (const auto& [name, module] : modules) add(name, module);
    for (const auto& [name, module] : modules) {
      for (const auto& other : also_called(name)) add(other, module);
      if (const auto found = originals.find(name); found != originals.end()) {
        add(found->second, module);
        add(ending_replaced(found->second, ".to_out.0", ".to_out"), module);
      }
    }
  }
}

const Module* Names::find(const std::string& network, std::string name, bool dotted) const {
  const auto& all = dotted ? dotted_ : underscored_;
  const auto index = all.find(network);
  if (index == all.end()) return nullptr;
  // Diffusers' first LoRAs were attention processors, modules inside an attention.
  constexpr std::string_view kProcessor = ".processor.";
  if (const auto at = name.find(kProcessor); dotted && at != name.npos) name.replace(at, kProcessor.size(), ".");
  const auto found = index->second.find(name);
  return found == index->second.end() ? nullptr : found->second;
}

const Module* Names::find(std::string_view text) const {
  for (const auto& prefix : kPrefixes) {
    if (!text.starts_with(prefix.text)) continue;
    const auto* module = find(std::string(prefix.network), std::string(text.substr(prefix.text.size())), prefix.dotted);
    if (module) return module;
  }
  return nullptr;
}

}  // namespace corepulse::adapters
