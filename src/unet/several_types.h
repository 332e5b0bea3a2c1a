#pragma once
// What a ControlNet of several types has beside others (Union and ProMax of xinsir): it is told what its picture is,
// and looks at the picture and the sample as two words.

#include <vector>

#include "kernels/attention.h"
#include "unet/config.h"
#include "unet/timestep_embedding.h"

namespace corepulse::unet {

/** CLIP's residual block: queries, keys and values in one matrix. */
struct WordBlock {
  WordBlock(const nn::Weights& w, int channels);
  mx::array operator()(mx::array x) const;  // [B, words, C]
  nn::LayerNorm ln_1, ln_2;
  nn::Linear in_proj, out_proj, c_fc, c_proj;
};

class SeveralTypes {
 public:
  /** @param w the network's. @param types how many it knows. @param type_width numbers that each is told by. */
  SeveralTypes(const nn::Weights& w, const Config& trunk, int types, int type_width);

  /** What is added to the time embedding: [1, time width]. */
  mx::array moment(int type, mx::Dtype dtype) const;
  /** What is added to every pixel behind conv_in: [B, 1, 1, C]. @param hint [1, h, w, C]. @param h [B, h, w, C]. */
  mx::array word(int type, const mx::array& hint, const mx::array& h) const;

 private:
  int types_, type_width_;
  bool flip_;
  double shift_;
  TimestepEmbedding control_add_embedding_;
  mx::array task_embedding_;  // [types, C]
  std::vector<WordBlock> transformer_layes_;
  nn::Linear spatial_ch_projs_;
};

}  // namespace corepulse::unet
