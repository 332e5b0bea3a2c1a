#pragma once
// What a ControlNet of several types of pictures (SDXL's Union and ProMax) has beside others: it is told what its
// picture is.

#include <vector>

#include "nn/layers.h"
#include "unet/config.h"
#include "unet/timestep_embedding.h"

namespace corepulse::unet {

class SeveralTypes {
 public:
  /** @param w the network's. @param types how many it knows. @param type_width numbers that each is told by. */
  SeveralTypes(const nn::Weights& w, const Config& trunk, int types, int type_width);

  /** What is added to the embedding of the moment: [1, time width]. */
  mx::array moment(int type) const;
  /** What is added to every pixel of the encoded picture [1, h, w, C]: [1, 1, 1, C]. */
  mx::array word(int type, const mx::array& picture) const;

 private:
  /**
   * CLIP's residual block. The words' attention runs over the rows of a call, as these networks were trained and as
   * Diffusers runs them - not over the words. All rows have the same picture, so that each looks at its equals: what it
   * finds is the value itself, whatever queries and keys are.
   */
  struct WordBlock {
    WordBlock(const nn::Weights& w, int channels);
    mx::array operator()(mx::array x) const;  // [1, C]
    nn::LayerNorm ln_1, ln_2;
    nn::Linear in_proj, out_proj, c_fc, c_proj;
  };

  int types_, type_width_, channels_;
  bool flip_;
  double shift_;
  mx::Dtype dtype_;
  TimestepEmbedding control_add_embedding_;
  mx::array task_embedding_;  // [types, C]
  std::vector<WordBlock> transformer_layes_;
  nn::Linear spatial_ch_projs_;
};

}  // namespace corepulse::unet
