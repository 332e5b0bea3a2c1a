#pragma once
// A loaded model: all networks with their weights. Const once loaded; runs share it.

#include <map>
#include <memory>
#include <vector>

#include "corepulse/model.h"

#include "model/parts.h"
#include "nn/weights.h"
#include "text/clip_text_model.h"
#include "text/clip_tokenizer.h"
#include "unet/unet.h"
#include "vae/autoencoder.h"

namespace corepulse::model {

struct TextEncoder {
  text::ClipTokenizer tokenizer;
  text::ClipTextModel model;
  text::OutputRule rule;  ///< What becomes the context; the pooled vector (SDXL) is the last encoder's.
};

struct Model {
  ModelInfo info;
  std::vector<TextEncoder> text_encoders;  ///< One; two for SDXL, whose contexts lie side by side.
  unet::UNet unet;
  vae::Autoencoder vae;
  Scheduler scheduler;
  /** SDXL: context and pooled vector of an absent (not: empty) negative prompt are zeros. */
  bool zeros_for_empty_prompt = false;
  /** What networks with other weights share with these: see changed(). */
  std::map<Part, std::shared_ptr<nn::Made>> made = {};
};

/** What networks compute in. */
struct Precision {
  mx::Dtype dtype;    ///< float32, float16 or bfloat16.
  bool int8 = false;  ///< The UNet's matrices and 3x3 convolutions are kept in 8-bit integers (float32 on a CPU).
  Precision(mx::Dtype type, bool integers = false) : dtype(type), int8(integers) {}
};

/**
 * Loads every network of what understand(source) found. Call it on the thread that owns MLX.
 * A VAE that overflows float16 computes in float32 all the same.
 * @throws Error bad_file, unsupported_model (a tensor missing, misshapen or left over is named).
 */
std::shared_ptr<const Model> load(const Parts& parts, Precision precision);

/** What is added to the weights of its networks. */
using Changes = std::map<Part, nn::Additions>;

/** The model with changed weights, of which it shares all layers that nothing is added to. @param parts and precision
 * as it was loaded with. @throws as load. */
std::shared_ptr<const Model> changed(const Model& model, const Parts& parts, Precision precision,
                                     const Changes& changes);

/**
 * One for each text encoder, all of as many ids as the shortest encoder takes: their positions stand side by side.
 * @throws Error bad_file, unsupported_model (a tokenizer that the encoder does not know).
 */
std::vector<text::ClipTokenizer> load_tokenizers(const Parts& parts);

/** Bytes that the weights of all networks take in memory on the default device, once load() has read them: about. */
uint64_t weight_bytes(const Parts& parts, Precision precision);

}  // namespace corepulse::model
