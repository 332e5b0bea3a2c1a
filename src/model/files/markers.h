#pragma once
// What a single file says about its model's training: marker tensors (ComfyUI's names) and metadata (ModelSpec).

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/sampling.h"

#include "io/tensors/safetensors.h"
#include "sampler/sampler.h"

namespace corepulse::model {

/** Of models trained with EDM's noise levels (Karras et al. 2022). */
struct EdmMarks {
  Prediction prediction = Prediction::epsilon;
  sampler::Edm range;
  std::vector<float> latents_mean, latents_std;  ///< By the VAE's channels: Playground v2.5; else none.
};

struct Markers {
  std::optional<Prediction> prediction;  ///< Unset if the file says nothing.
  bool zero_snr = false;
  std::optional<EdmMarks> edm;
  std::optional<int64_t> global_step;
  std::vector<std::string> notes;
};

/** @throws Error{bad_file} for an EDM marker that is no number of its range. */
Markers read_markers(const io::SafetensorsFile& file, const std::filesystem::path& path);

}  // namespace corepulse::model
