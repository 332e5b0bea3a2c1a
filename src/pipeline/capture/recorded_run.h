#pragma once
// A recorded run in memory.

#include <cstddef>
#include <string>
#include <vector>

#include "corepulse/recording.h"

#include "io/tensors/tensor_view.h"

namespace corepulse {

struct RecordedRun {
  std::string model;  ///< Fingerprint.
  int latent_height = 0, latent_width = 0;
  std::vector<int> steps;
  std::vector<double> sigmas;  ///< By position in `steps`.
  bool unconditional = false, conditional = false;
  io::StoredType type = io::StoredType::f32;
  /** A layer, or a resnet. */
  struct Layer {
    std::string path;
    int tokens = 0, channels = 0;
    std::vector<std::byte> data;  ///< [steps, rows, tokens, channels]; the unconditional row comes first.
  };
  std::vector<Layer> layers;
};

}  // namespace corepulse
