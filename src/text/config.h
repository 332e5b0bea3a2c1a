#pragma once
// The shape of a CLIP text encoder.

#include <string>

namespace corepulse::text {

enum class Activation { quick_gelu, gelu };

struct Config {
  int width = 768, layers = 12, heads = 12, mlp_width = 3072;
  int vocabulary = 49408, positions = 77;
  Activation activation = Activation::quick_gelu;
  float norm_eps = 1e-5f;
  int projection = 0;  ///< Width of text_projection (pooled output); 0 = none.
  int bos = 49406, eos = 49407;
  bool legacy_eos = false;  ///< config says eos_token_id 2: the pooled position is the argmax of
                            ///< the ids, not the first eos.
};

/** Which hidden state becomes the context, counted from the end. */
struct OutputRule {
  int skip = 0;            ///< 0 = last layer, 1 = penultimate (SDXL; clip skip adds to it).
  bool final_norm = true;  ///< Apply final_layer_norm to it (SD1, SD2); SDXL does not.
};

}  // namespace corepulse::text
