// What is in a side network's file, for people who have no model at hand.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "corepulse/adapter.h"

#include "io/file.h"
#include "model/family.h"
#include "model/files/folder.h"
#include "model/side/side_parts.h"

namespace corepulse {
namespace {

namespace fs = std::filesystem;

/** Names that only side networks have, some of them in files that are not run. */
constexpr std::string_view kMarks[] = {"controlnet_cond_embedding.",
                                       "input_hint_block.",
                                       "controlnet_down_blocks.",
                                       "zero_convs.",
                                       "lllite_",
                                       "body.0.resnets.",
                                       "body.0.block1.",
                                       "body.0.in_conv.",
                                       "lora_controlnet"};

bool is_one(const io::Tensors& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [](const auto& tensor) {
    return std::any_of(std::begin(kMarks), std::end(kMarks),
                       [&](std::string_view mark) { return tensor.first.find(mark) != std::string::npos; });
  });
}

io::Tensors tensors_at(const fs::path& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return model::read_component(path, "").weights.tensors;
  return io::open_safetensors(path).tensors;
}

int width_of(const io::Tensors& tensors, const std::string& name, size_t axis) {
  const auto found = tensors.find(name);
  return found != tensors.end() && found->second.shape.size() > axis ? static_cast<int>(found->second.shape[axis]) : 0;
}

/** Of the first of these tensors that is there, its outputs; 0: none is. */
int outputs(const io::Tensors& tensors, std::initializer_list<std::string> names) {
  for (const auto& name : names)
    if (const int width = width_of(tensors, name, 0)) return width;
  return 0;
}

void look_at_adapter(const io::Tensors& tensors, SideNetworkSummary& summary) {
  const int in =
      std::max(width_of(tensors, "adapter.conv_in.weight", 1), width_of(tensors, "adapter.body.0.in_conv.weight", 1));
  summary.family = in == 256 || in == 768 ? "Stable Diffusion XL" : "Stable Diffusion 1";
  for (int b = 0;; ++b) {
    const auto body = fmt::format("adapter.body.{}.", b);
    const int width = outputs(tensors, {body + "out_conv.weight", body + "resnets.0.block2.weight"});
    if (width == 0) return;
    summary.channels.push_back(width);
  }
}

void look_at_control_net(const io::Tensors& tensors, SideNetworkSummary& summary) {
  summary.text_width = model::text_width(tensors);
  for (int level = 0;; ++level) {
    const auto first = fmt::format("down_blocks.{}.resnets.0.conv1.", level);
    const int width = outputs(tensors, {first + "weight", first + "up"});
    if (width == 0) break;
    summary.channels.push_back(width);
  }
  const bool sizes = outputs(tensors, {"add_embedding.linear_1.weight", "add_embedding.linear_1.up"}) > 0;
  summary.family =
      summary.text_width == 0 && sizes ? "Stable Diffusion XL" : model::family_of_text_width(summary.text_width);
}

}  // namespace

std::optional<SideNetworkSummary> inspect_side_network(const std::string& path) {
  std::error_code ignored;
  const auto config = fs::path(path) / "config.json";
  if (fs::is_directory(path, ignored)) {
    if (!io::is_there(config)) return {};
    const auto json = io::read_json(config);
    const auto type = json.is_object() ? json.value("_class_name", io::Json()) : io::Json();
    if (!type.is_string()) return {};
    if (const auto name = type.get<std::string>(); !name.starts_with("ControlNet") && name != "T2IAdapter") return {};
  }
  if (!is_one(tensors_at(path))) return {};
  const auto file = model::read_side_file(path);
  SideNetworkSummary summary{
      .what = model::side_kind(file), .family = {}, .channels = {}, .tensors = file.tensors.size()};
  for (const auto& [name, view] : file.tensors) summary.bytes += view.bytes;
  if (file.form == model::SideForm::t2i_adapter)
    look_at_adapter(file.tensors, summary);
  else
    look_at_control_net(file.tensors, summary);
  return summary;
}

std::string to_text(const SideNetworkSummary& summary) {
  return fmt::format(
      "{}, for {}\n{:.1f} MB, {} tensors, levels of {} channels{}\nfor --controlnet FILE=PICTURE\n", summary.what,
      summary.family.empty() ? "models that it does not name" : summary.family,
      static_cast<double>(summary.bytes) / 1e6, summary.tensors, fmt::join(summary.channels, ", "),
      summary.text_width > 0 ? fmt::format(", reads texts of {} numbers a token", summary.text_width) : "");
}

std::string to_json(const SideNetworkSummary& summary) {
  const nlohmann::ordered_json json{
      {"what", summary.what},         {"family", summary.family},   {"text_width", summary.text_width},
      {"channels", summary.channels}, {"tensors", summary.tensors}, {"bytes", summary.bytes}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace corepulse
