#include "model/side/names.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/ascii.h"
#include "base/fail.h"
#include "io/tensors/ldm_names.h"
#include "io/utf8.h"
#include "model/files/tensor_sizes.h"

namespace corepulse::model {
namespace {

/** N of "body.N.block1.weight" behind "body.", or -1. */
int number_after(std::string_view name, std::string_view beginning) {
  if (!name.starts_with(beginning) || name.size() > beginning.size() + 40) return -1;
  int number = 0;
  size_t at = beginning.size();
  for (; at < name.size() && is_digit(name[at]) && number < 1000; ++at) number = 10 * number + (name[at] - '0');
  return at > beginning.size() && at < name.size() && name[at] == '.' ? number : -1;
}

/** What LDM's files have beside a UNet's names. */
std::string of_ldm(const std::string& name, int last_hint) {
  const auto leaf = name.substr(name.rfind('.') + 1);
  if (const int n = number_after(name, "input_hint_block."); n >= 0) {
    const auto layer = n == 0           ? std::string("conv_in")
                       : n == last_hint ? "conv_out"
                                        : fmt::format("blocks.{}", n / 2 - 1);
    return n % 2 == 0 ? fmt::format("controlnet_cond_embedding.{}.{}", layer, leaf) : name;
  }
  for (const auto& [from, to] : {std::pair{"zero_convs.", "controlnet_down_blocks"},
                                 std::pair{"middle_block_out.0.", "controlnet_mid_block."}}) {
    const std::string_view start = from;
    if (!name.starts_with(start)) continue;
    if (start.starts_with("middle")) return to + leaf;
    const auto number = name.substr(start.size(), name.find('.', start.size()) - start.size());
    return name == fmt::format("zero_convs.{}.0.{}", number, leaf) ? fmt::format("{}.{}.{}", to, number, leaf) : name;
  }
  return name;
}

io::Tensors of_control_net(const io::Tensors& tensors) {
  if (some_begins(tensors, "down_blocks.")) return tensors;
  int last_hint = 0;
  for (const auto& [name, view] : tensors) last_hint = std::max(last_hint, number_after(name, "input_hint_block."));
  io::Tensors own, trunk;
  for (const auto& [name, view] : tensors) {
    auto to = of_ldm(name, last_hint);
    (to == name ? trunk : own).emplace(std::move(to), view);
  }
  for (auto& [name, view] : io::to_diffusers(io::Naming::ldm_unet, trunk)) own.emplace(name, view);
  return own;
}

/** TencentARC's networks make four features: of the full ones, each by as many resnets in a row. */
constexpr int kFeatures = 4;

/** "body.3.block1.weight" -> "body.1.resnets.1.block1.weight". */
std::string of_full_adapter(const std::string& name, int resnets) {
  const int n = number_after(name, "body.");
  if (n < 0) return name;
  const auto leaf = name.substr(name.find('.', 5) + 1);
  if (leaf.starts_with("in_conv.")) return n % resnets == 0 ? fmt::format("body.{}.{}", n / resnets, leaf) : name;
  return fmt::format("body.{}.resnets.{}.{}", n / resnets, n % resnets, leaf);
}

/** "body.1.body.2.block1.weight" -> "body.1.resnets.2.block1.weight". */
std::string of_light_adapter(const std::string& name) {
  const auto inner = name.find(".body.");
  return name.starts_with("body.") && inner != name.npos
             ? name.substr(0, inner) + ".resnets." + name.substr(inner + std::string_view(".body.").size())
             : name;
}

io::Tensors of_adapter(const io::Tensors& tensors) {
  const bool diffusers = some_begins(tensors, "body.0.resnets."), light = some_begins(tensors, "body.0.in_conv.");
  int bodies = 0;
  for (const auto& [name, view] : tensors) bodies = std::max(bodies, number_after(name, "body.") + 1);
  io::Tensors own;
  for (const auto& [name, view] : tensors) {
    const auto to = diffusers ? name
                    : light   ? of_light_adapter(name)
                              : of_full_adapter(name, std::max(1, bodies / kFeatures));
    own.emplace("adapter." + to, view);
  }
  return own;
}

/** Parameters of a layer of several types' that PyTorch names otherwise than layers'. */
std::string with_layer(std::string name) {
  for (const std::string_view ending : {".in_proj_weight", ".in_proj_bias"})
    if (name.ends_with(ending)) name[name.size() - ending.size() + std::string_view(".in_proj").size()] = '.';
  return name;
}

SideForm form_of(const io::Tensors& tensors) {
  for (const char* mark : {"body.0.resnets.", "body.0.block1.", "body.0.in_conv."})
    if (some_begins(tensors, mark)) return SideForm::t2i_adapter;
  if (tensors.contains("lora_controlnet")) return SideForm::control_lora;
  return tensors.contains("difference") ? SideForm::difference : SideForm::control_net;
}

}  // namespace

io::Tensors side_tensors(const io::Tensors& tensors, const std::filesystem::path& path, SideForm& form) {
  io::Tensors bare;
  for (const auto& [name, view] : tensors) {
    auto own = name;
    for (const std::string_view prefix : {"control_model.", "adapter."})
      if (name.starts_with(prefix)) own = name.substr(prefix.size());
    if (!bare.emplace(with_layer(own), view).second)
      fail(ErrorCode::bad_file, "controlnet",
           fmt::format("{} holds two networks (tensor {})", path.string(), io::printable(own, 120)));
  }
  form = form_of(bare);
  if (form == SideForm::t2i_adapter) return of_adapter(bare);
  bare.erase("lora_controlnet"), bare.erase("difference");
  return of_control_net(bare);
}

}  // namespace corepulse::model
