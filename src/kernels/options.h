#pragma once
// What an operation tells the folders below it about itself.

#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/** The largest head that attention takes. */
constexpr int64_t kMaxHeadSize = 512;

struct AttentionOptions {
  int heads = 1;
  float scale = 1;                ///< Usually 1/sqrt(head size), divided by a temperature.
  bool causal = false;            ///< Query i sees keys 0..i (CLIP's text encoder).
  std::optional<mx::array> bias;  ///< float32 [B, T] added to the logits of every query and head; -inf masks a key.
};

/** Zero padding in pixels; Diffusers' VAE downsampler pads only right and bottom. */
struct Padding {
  int top = 0, bottom = 0, left = 0, right = 0;
  static Padding same(int n) { return {n, n, n, n}; }
};

/** What stays the same for everything that a convolution sees. */
struct ConvGeometry {
  int kh, kw, stride;
  Padding padding;

  /** Each pixel by itself: a matrix product. */
  bool pointwise() const {
    return kh == 1 && kw == 1 && stride == 1 && !padding.top && !padding.bottom && !padding.left && !padding.right;
  }
};

/** x [B, ..., C], and what is to be added at each of its pixels. */
struct Parts {
  mx::array x;
  std::optional<mx::array> row, bias;  ///< [B, C]: of each batch row; [C].
};

}  // namespace corepulse::kernels
