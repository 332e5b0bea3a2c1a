// The list of kinds: the alternatives of corepulse::Effect, whose files define kind<E>().
#include <algorithm>
#include <array>
#include <utility>

#include "control/kind.h"

namespace corepulse {
namespace control {
namespace {

template <size_t... I>
std::array<const Kind*, sizeof...(I)> list(std::index_sequence<I...>) {
  return {&kind<std::variant_alternative_t<I, Effect>>()...};
}

}  // namespace

std::span<const Kind* const> kinds() {
  static const auto all = list(std::make_index_sequence<std::variant_size_v<Effect>>());
  return all;
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto* kind : kinds()) names.emplace_back(kind->name);
  return names;
}

const Kind& kind_of(const Effect& effect) {
  return *kinds()[effect.index()];
}

const Kind* find_kind(std::string_view name) {
  const auto found = std::find_if(kinds().begin(), kinds().end(), [=](const Kind* kind) { return kind->name == name; });
  return found == kinds().end() ? nullptr : *found;
}

bool takes_image(const corepulse::Control& control, int image) {
  const auto& images = control.images;
  return images.empty() || std::find(images.begin(), images.end(), image) != images.end();
}

std::vector<int> images_of(const corepulse::Control& control, int batch) {
  std::vector<int> images;
  for (int image = 0; image < batch; ++image)
    if (takes_image(control, image)) images.push_back(image);
  return images;
}

std::optional<std::string> prompt_by(const corepulse::Control& control, int image) {
  const auto& kind = kind_of(control.effect);
  if (!control.enabled || !kind.image_prompt) return std::nullopt;
  auto [prompt, base] = kind.image_prompt(control.effect);
  return image != base && takes_image(control, image) ? std::optional(std::move(prompt)) : std::nullopt;
}

}  // namespace control

const char* kind_name(const Effect& effect) noexcept {
  return control::kind_of(effect).name;
}

}  // namespace corepulse
