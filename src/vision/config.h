#pragma once
// The shape of a CLIP vision encoder.

#include <string_view>

#include "io/json.h"

namespace corepulse::vision {

struct Config {
  int width = 1280, layers = 32, heads = 16, mlp_width = 5120;
  int image_size = 224, patch_size = 14;  ///< Pixels of a side; patches cover the picture.
  int projection = 1024;                  ///< Width of visual_projection.
  bool quick_gelu = false;                ///< The activation is OpenAI's, not gelu.
  float norm_eps = 1e-5f;

  int patches() const { return image_size / patch_size * (image_size / patch_size); }
};

/**
 * The config of a CLIPVisionModelWithProjection, or the vision part of a whole CLIPModel's, as transformers writes it.
 * @param where the file's name, for messages.
 * @throws Error{bad_file} naming the field that is missing, of the wrong type or out of range, or
 * Error{unsupported_model} for another kind of model or activation.
 */
Config config_from_json(const io::Json& json, std::string_view where);

}  // namespace corepulse::vision
