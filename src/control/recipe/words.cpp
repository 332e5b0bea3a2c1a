#include "control/recipe/words.h"

#include "corepulse/recipe.h"

namespace corepulse::control {
namespace {

constexpr const char* kRows[] = {"cond", "uncond", "both"};
constexpr const char* kModes[] = {"standard", "corepulse", "comfy"};
constexpr const char* kParts[] = {"phrase", "all", "start", "words", "end", "padding"};
constexpr const char* kAttention[] = {"cross", "self", "both"};
constexpr const char* kContexts[] = {"keep", "reencode", "replace"};
constexpr const char* kShapes[] = {"rectangle", "circle",    "ellipse", "polygon",  "linear",  "radial",
                                   "picture",   "attention", "add",     "subtract", "multiply"};
constexpr const char* kLengths[] = {"fraction", "pixel"};
constexpr const char* kChannels[] = {"luminance", "alpha"};
constexpr const char* kFits[] = {"crop", "pad", "stretch"};
constexpr const char* kSyntaxes[] = {"plain", "a1111", "comfy", "compel"};
constexpr const char* kFewSteps[] = {"lcm", "turbo", "lightning", "hyper", "dmd2"};
constexpr const char* kSoftMasks[] = {"blend", "strength"};
constexpr const char* kResamples[] = {"lanczos", "nearest", "bilinear", "bicubic"};
constexpr const char* kUpscales[] = {"lanczos",         "nearest",        "bilinear",
                                     "bicubic",         "latent-nearest", "latent-nearest-exact",
                                     "latent-bilinear", "latent-bicubic"};
constexpr const char* kWindows[] = {"always", "steps", "progress", "sigma", "percent"};

}  // namespace

template <>
std::span<const char* const> names_of<FewSteps>() {
  return kFewSteps;
}
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
std::span<const char* const> names_of<Fit>() {
  return kFits;
}
template <>
std::span<const char* const> names_of<Resample>() {
  return kResamples;
}
template <>
std::span<const char* const> names_of<SoftMask>() {
  return kSoftMasks;
}
template <>
std::span<const char* const> names_of<Upscale>() {
  return kUpscales;
}
template <>
std::span<const char* const> names_of<Window::Unit>() {
  return kWindows;
}
template <>
std::span<const char* const> names_of<PromptSyntax>() {
  return kSyntaxes;
}

}  // namespace corepulse::control
