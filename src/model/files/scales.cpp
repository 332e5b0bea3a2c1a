#include "model/files/scales.h"

#include <array>
#include <cmath>
#include <fmt/format.h>
#include <optional>
#include <string_view>

#include "base/fail.h"
#include "io/json.h"
#include "io/tensors/stored_type.h"
#include "io/utf8.h"
#include "nn/stored.h"

namespace corepulse::model {
namespace {

using Entry = io::Tensors::value_type;

constexpr std::string_view kQuant = "comfy_quant";

/** ComfyUI's older and newer names. */
constexpr std::array<std::string_view, 2> kScales{"scale_weight", "weight_scale"},
    kInputs{"scale_input", "input_scale"};

/** The last part of a name. */
std::string_view leaf(std::string_view name) {
  const auto dot = name.rfind('.');
  return dot == name.npos ? name : name.substr(dot + 1);
}

template <class Names>
bool is_one_of(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

[[noreturn]] void unsupported(const Entry& entry, const std::filesystem::path& path, std::string_view what) {
  fail(
      ErrorCode::unsupported_model, "model",
      fmt::format("{} is quantised ({}; tensor {}); expected F16, BF16, F32, or F8 with one scale for each weight; use "
                  "the model's F16 version",
                  path.string(), what, entry.first));
}

/** ComfyUI says a layer's format as JSON in a tensor of bytes. */
void check_format(const Entry& entry, const std::filesystem::path& path) {
  const auto& view = entry.second;
  constexpr size_t kLongest = 4096;
  if (view.type != io::StoredType::u8 || view.bytes > kLongest) unsupported(entry, path, "in an unknown format");
  const std::string_view text(reinterpret_cast<const char*>(view.data), view.bytes);
  const auto json = io::parse_json(text, fmt::format("{}: {}", path.string(), entry.first));
  const auto format = json.is_object() ? json.value("format", io::Json()) : io::Json();
  const auto name = format.is_string() ? format.get<std::string>() : "";
  if (name != "float8_e4m3fn" && name != "float8_e5m2")
    unsupported(entry, path, fmt::format("format \"{}\"", io::printable(name, 60)));
}

float scale_of(const Entry& entry, const std::filesystem::path& path) {
  const auto& view = entry.second;
  if (view.elements() != 1) unsupported(entry, path, "with several scales for one weight");
  if (!nn::is_number(view.type)) unsupported(entry, path, fmt::format("with scales of {}", io::name(view.type)));
  const float scale = nn::to_array(view, {1}, mx::float32).data<float>()[0];
  if (!std::isfinite(scale) || !(scale > 0))
    fail(ErrorCode::bad_file, "model",
         fmt::format("{}: tensor {} is {}; expected a scale above 0", path.string(), entry.first, scale));
  return scale;
}

}  // namespace

io::Tensors take_scales(const io::Tensors& tensors, const std::filesystem::path& path) {
  io::Tensors result;
  std::vector<const Entry*> scales;
  for (const auto& entry : tensors) {
    const auto last = leaf(entry.first);
    if (is_one_of(kScales, last))
      scales.push_back(&entry);
    else if (last == kQuant)
      check_format(entry, path);
    else if (last != "scaled_fp8" && !is_one_of(kInputs, last))
      result.insert(entry);
  }
  for (const auto* entry : scales) {
    const auto stem = entry->first.substr(0, entry->first.size() - leaf(entry->first).size());
    const auto weight = result.find(stem + "weight");
    if (weight == result.end())
      fail(ErrorCode::bad_file, "model",
           fmt::format("{}: tensor {} is a scale of {}weight, which is not there; use a complete file", path.string(),
                       entry->first, stem));
    if (weight->second.scale != 1) unsupported(*entry, path, "with several scales for one weight");
    if (!nn::is_number(weight->second.type)) unsupported(*weight, path, io::name(weight->second.type));
    weight->second.scale = scale_of(*entry, path);
  }
  return result;
}

}  // namespace corepulse::model
