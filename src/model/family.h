#pragma once
// Which family a model is of, told from its tensors, as Diffusers' infer_diffusers_model_type does.

#include <optional>
#include <string>
#include <string_view>

#include "corepulse/model.h"

#include "io/tensors/tensor_view.h"

namespace corepulse::model {

/** "" gives nullopt. @throws Error{invalid_request} for an unknown name. */
std::optional<Family> parse_family(std::string_view name);
/** ModelSource::prediction: "" gives nullopt. @throws Error{invalid_request}. */
std::optional<Prediction> parse_source_prediction(std::string_view name);

/** Numbers per token that the first cross-attention of a UNet reads (Diffusers' names); 0 if there is none. */
int64_t context_width(const io::Tensors& unet);
/** For people, of models whose texts have so many numbers per token; "": of none that is known. */
const char* family_of_text_width(int width);
/** Channels that the UNet reads: 4, 9 for inpainting, 8 for instruct-pix2pix; 0 if unknown. */
int64_t input_channels(const io::Tensors& unet);

/**
 * The family of a UNet by its shapes. @param where the file, for messages.
 * @throws Error{unsupported_model} if they fit none: the family must then be named.
 */
Family detect_family(const io::Tensors& unet, std::string_view where);

}  // namespace corepulse::model
