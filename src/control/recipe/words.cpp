#include "control/recipe/words.h"

#include <array>
#include <utility>

namespace corepulse::control {
namespace {

constexpr const char* kRows[] = {"cond", "uncond", "both"};
constexpr const char* kModes[] = {"standard", "corepulse", "comfy"};
constexpr const char* kParts[] = {"phrase", "all", "start", "words", "end", "padding"};
constexpr const char* kAttention[] = {"cross", "self", "both"};
constexpr const char* kContexts[] = {"keep", "reencode", "replace"};
constexpr const char* kInteractions[] = {"enhance", "redirect", "sharpen"};
constexpr const char* kHow[] = {"with", "instead"};
constexpr const char* kWhat[] = {"map", "keys"};
constexpr const char* kShapes[] = {"rectangle", "circle",  "ellipse", "polygon",  "linear",
                                   "radial",    "picture", "add",     "subtract", "multiply"};
constexpr const char* kLengths[] = {"fraction", "pixel"};
constexpr const char* kChannels[] = {"luminance", "alpha"};
constexpr const char* kWindows[] = {"always", "steps", "progress", "sigma", "percent"};

template <size_t... I>
std::array<Effect, sizeof...(I)> default_effects(std::index_sequence<I...>) {
  return {Effect(std::in_place_index<I>)...};
}

const auto& defaults() {
  static const auto effects = default_effects(std::make_index_sequence<std::variant_size_v<Effect>>());
  return effects;
}

}  // namespace

template <>
std::span<const char* const> names_of<Rows>() {
  return kRows;
}
template <>
std::span<const char* const> names_of<Mode>() {
  return kModes;
}
template <>
std::span<const char* const> names_of<Tokens::Part>() {
  return kParts;
}
template <>
std::span<const char* const> names_of<AttentionKind>() {
  return kAttention;
}
template <>
std::span<const char* const> names_of<TokenContext>() {
  return kContexts;
}
template <>
std::span<const char* const> names_of<Attend::Interaction>() {
  return kInteractions;
}
template <>
std::span<const char* const> names_of<Share::How>() {
  return kHow;
}
template <>
std::span<const char* const> names_of<Capture::What>() {
  return kWhat;
}
template <>
std::span<const char* const> names_of<Region::Shape>() {
  return kShapes;
}
template <>
std::span<const char* const> names_of<LengthUnit>() {
  return kLengths;
}
template <>
std::span<const char* const> names_of<PictureChannel>() {
  return kChannels;
}
template <>
std::span<const char* const> names_of<Window::Unit>() {
  return kWindows;
}

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const auto& effect : defaults()) names.push_back(kind_name(effect));
  return names;
}

Effect effect_of(std::string_view kind) {
  for (const auto& effect : defaults())
    if (kind == kind_name(effect)) return effect;
  return {};
}

}  // namespace corepulse::control
