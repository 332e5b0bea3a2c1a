#include "model/family.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "base/names.h"

namespace corepulse {

const char* name(Family family) noexcept {
  constexpr const char* names[] = {"sd1", "sd2", "sdxl", "sdxl_refiner"};
  return names[static_cast<int>(family)];
}

namespace model {
namespace {

/** The size of one dimension of a tensor; 0 if there is none. */
int64_t dimension(const io::Tensors& tensors, const std::string& name, size_t axis) {
  const auto found = tensors.find(name);
  return found == tensors.end() || found->second.shape.size() <= axis ? 0 : found->second.shape[axis];
}

}  // namespace

std::optional<Family> parse_family(std::string_view given) {
  if (given.empty()) return {};
  for (const auto family : {Family::sd1, Family::sd2, Family::sdxl, Family::sdxl_refiner})
    if (given == name(family)) return family;
  fail(ErrorCode::invalid_request, "model",
       fmt::format("unknown family; {}", choices(given, {"sd1", "sd2", "sdxl", "sdxl_refiner"})));
}

std::optional<Prediction> parse_source_prediction(std::string_view given) {
  if (given.empty()) return {};
  return parse_prediction(given);
}

int64_t context_width(const io::Tensors& unet) {
  // SD1 and SD2 attend from the first level on, SDXL from the second, its refiner from the second.
  for (int block = 0; block < 8; ++block)
    if (const auto width = dimension(
            unet, fmt::format("down_blocks.{}.attentions.0.transformer_blocks.0.attn2.to_k.weight", block), 1))
      return width;
  return 0;
}

const char* family_of_text_width(int width) {
  return width == 768    ? "Stable Diffusion 1"
         : width == 1024 ? "Stable Diffusion 2"
         : width == 2048 ? "Stable Diffusion XL"
                         : "";
}

int64_t input_channels(const io::Tensors& unet) {
  return dimension(unet, "conv_in.weight", 1);
}

Family detect_family(const io::Tensors& unet, std::string_view where) {
  const auto width = context_width(unet);
  const bool added = unet.contains("add_embedding.linear_1.weight");
  if (!added && width == 1024) return Family::sd2;
  if (added && width == 2048) return Family::sdxl;
  if (added && width == 1280) return Family::sdxl_refiner;
  if (!added && width == 768) return Family::sd1;
  fail(ErrorCode::unsupported_model, "model",
       fmt::format("{}: cross-attention reads {} numbers per token{}; expected 768 (sd1), 1024 "
                   "(sd2) or 2048 with "
                   "added conditioning (sdxl); if it is one of these in another size, name it: "
                   "--family sd1|sd2|sdxl",
                   where, width, added ? " and the UNet has added conditioning" : ""));
}

}  // namespace model
}  // namespace corepulse
