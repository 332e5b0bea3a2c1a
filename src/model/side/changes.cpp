// Networks that are stored as a change of a UNet: they are completed by the model's own.
#include <fmt/format.h>

#include "base/fail.h"
#include "io/utf8.h"
#include "model/files/collect.h"
#include "model/side/names.h"
#include "model/side/reader.h"
#include "nn/product.h"
#include "nn/stored.h"

namespace corepulse::model {
namespace {

[[noreturn]] void another_unets(const SideFile& file, const std::string& name) {
  fail(ErrorCode::unsupported_model, "controlnet",
       fmt::format("{}: tensor {} is the change of another UNet's; a {} goes with one family of models",
                   file.path.string(), io::printable(name, 120),
                   file.form == SideForm::control_lora ? "control-lora" : "difference"));
}

/** Its own tensors are the differences; the UNet's are added. */
void add_differences(SideParts& parts, const io::Tensors& unet, const nn::Weights::Files& files) {
  for (const auto& [name, view] : parts.file.tensors) {
    const auto base = unet.find(name);
    if (base == unet.end()) continue;
    if (view.elements() != base->second.elements()) another_unets(parts.file, name);
    parts.additions[name] = [own = base->second, files](const mx::array& original) {
      for (const auto& mapping : files) mapping->check_unchanged();
      return nn::to_array(own, original.shape(), mx::float32);
    };
  }
}

/** The product's sizes are the weight's: [out, rank] [rank, in], convolutions being rows of numbers. */
bool is_product(const io::TensorView& up, const io::TensorView& down, const io::TensorView& weight) {
  if (up.shape.empty() || down.shape.empty() || weight.shape.size() < 2 || down.shape[0] < 1 || weight.shape[0] < 1)
    return false;
  const auto rank = static_cast<uint64_t>(down.shape[0]);
  return up.shape[0] == weight.shape[0] && up.elements() == static_cast<uint64_t>(up.shape[0]) * rank &&
         down.elements() == rank * (weight.elements() / static_cast<uint64_t>(weight.shape[0]));
}

/** Its own tensors stand for the UNet's; products are added to theirs. */
void add_products(SideParts& parts, const io::Tensors& unet, const nn::Weights::Files& files) {
  auto& all = parts.tensors;
  all.clear();
  const auto is_factor = [](std::string_view name) { return name.ends_with(".up") || name.ends_with(".down"); };
  for (const auto& [name, view] : parts.file.tensors)
    if (!is_factor(name)) all.emplace(name, view);
  for (const auto& [name, view] : unet)
    for (const char* part : {"conv_in.", "time_embedding.", "add_embedding.", "down_blocks.", "mid_block."})
      if (name.starts_with(part)) all.emplace(name, view);
  for (const auto& [name, view] : parts.file.tensors) {
    if (!is_factor(name)) continue;
    const auto layer = name.substr(0, name.rfind('.'));
    const auto up = parts.file.tensors.find(layer + ".up"), down = parts.file.tensors.find(layer + ".down");
    if (up == parts.file.tensors.end() || down == parts.file.tensors.end())
      fail(ErrorCode::bad_file, "controlnet",
           fmt::format("{}: tensor {} has no other half; expected {}.up and {}.down", parts.file.path.string(),
                       io::printable(name, 120), io::printable(layer, 120), io::printable(layer, 120)));
    const auto weight = all.find(layer + ".weight");
    if (weight == all.end() || !is_product(up->second, down->second, weight->second)) another_unets(parts.file, name);
    parts.additions[layer + ".weight"] = [a = up->second, b = down->second, files](const mx::array& original) {
      for (const auto& mapping : files) mapping->check_unchanged();
      return nn::product(a, b, original.shape());
    };
  }
}

}  // namespace

void complete_by_unet(SideParts& parts, const Parts& model) {
  const auto& unet = model.collection.networks.at(Part::unet);
  if (parts.file.form == SideForm::difference)
    add_differences(parts, unet.stored.tensors, unet.mappings);
  else if (parts.file.form == SideForm::control_lora)
    add_products(parts, unet.stored.tensors, parts.file.mappings);
  else
    return;
  parts.mappings.insert(parts.mappings.end(), unet.mappings.begin(), unet.mappings.end());
}

}  // namespace corepulse::model
