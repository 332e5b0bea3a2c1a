// What is in an IP-Adapter's file, for people who have no model at hand.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/adapter.h"

#include "io/tensors/safetensors.h"
#include "model/family.h"
#include "model/files/tensor_sizes.h"
#include "model/pictures/picture_adapter.h"

namespace corepulse {
namespace {

using Kind = vision::IpAdapterConfig::Kind;

std::string reading_of(const PictureAdapterSummary& summary) {
  if (summary.faces) return fmt::format("a face's vector is read as {} tokens", summary.tokens);
  if (summary.tokens > 0) return fmt::format("a picture is read as {} tokens", summary.tokens);
  return "a picture's patches are read as a token each";
}

}  // namespace

std::optional<PictureAdapterSummary> inspect_picture_adapter(const std::string& file) {
  if (!model::some_begins(io::open_safetensors(file).tensors, "image_proj.")) return {};
  const auto parts = model::read_picture_adapter(file);
  const auto& config = parts.config;
  PictureAdapterSummary summary{.what = parts.what,
                                .family = model::family_of_text_width(config.context_width),
                                .text_width = config.context_width,
                                .tokens = config.tokens,
                                .faces = config.kind == Kind::face_id,
                                .tensors = parts.tensors.size()};
  for (const auto& [name, view] : parts.tensors) summary.bytes += view.bytes;
  return summary;
}

std::string to_text(const PictureAdapterSummary& summary) {
  return fmt::format("{}, for {}\n{:.1f} MB, {} tensors, {}, of {} numbers\nfor --picture-prompt FILE={}\n",
                     summary.what, summary.family.empty() ? "models that it does not name" : summary.family,
                     static_cast<double>(summary.bytes) / 1e6, summary.tensors, reading_of(summary), summary.text_width,
                     summary.faces ? "FACE.safetensors" : "PICTURE");
}

std::string to_json(const PictureAdapterSummary& summary) {
  const nlohmann::ordered_json json{
      {"what", summary.what},     {"family", summary.family}, {"text_width", summary.text_width},
      {"tokens", summary.tokens}, {"faces", summary.faces},   {"tensors", summary.tensors},
      {"bytes", summary.bytes}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace corepulse
