#pragma once
// To look into the network while it computes, and to put something else in the place of what is seen: at attention
// layers, behind blocks, at what is predicted. Includes MLX, as attention_function.h does.
//
//   request.probes = {probe(ProbePoint::block_output, "middle:0", [](const mx::array& x, const ProbeView& at) {
//     std::cout << at.block << " at sigma " << at.step.sigma << ": " << mx::sum(mx::abs(x)).item<float>() << '\n';
//     return x;  // or x * mx::array(1.2f, x.dtype()), or what another run had here
//   })};
//
// One that returns what it is given leaves every bit of the run as it is.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "corepulse/attention_function.h"
#include "corepulse/control.h"

#include "mlx/array.h"

namespace corepulse {

/** What is seen, in the order in which a call computes it. B are the rows of a call, as ProbeView::rows lists them. */
enum class ProbePoint {
  attention_input,   ///< [B, N, C], normalised: queries come from it, and in self-attention keys and values.
  attention_map,     ///< [1, H, N, T], float32: what each pixel's attention is spread over, one row at a time.
  attention_output,  ///< [B, N, C]: what the layer adds to the picture.
  resnet_output,     ///< [B, h, w, C]: what a resnet adds to what it is given, behind its second convolution.
  block_output,      ///< [B, h, w, C], wherever it is read: an input block's also by the output block that mirrors it.
  prediction,        ///< [B, h, w, 4]: the UNet's, row by row.
  guided             ///< [images, h, w, 4], float32: what guidance makes of the rows.
};

/** Whose a row is. */
struct ProbeRow {
  int image = 0;                                                      ///< Index in the batch.
  enum class Side { negative, prompt, further } side = Side::prompt;  ///< further: a row that a control adds.
};

/** What is seen, where and when. */
struct ProbeView {
  ProbePoint point = ProbePoint::block_output;
  /** The layer; of a resnet its path, "up_blocks.1.resnets.1", of a block its, "up_blocks.1", and grid, heads 0; of
   * predictions "", the latents' grid. */
  AttentionSite site;
  std::string block;  ///< "output:1"; of predictions "".
  AttentionStep step;
  int pass = 1;                ///< 2 in a second pass.
  std::vector<ProbeRow> rows;  ///< One of each row of the array.
  /** attention_map: where controls make a row of several readings, which of them, from 0. Readings without a map (of a
   * function, or of every pixel by itself) are not seen. */
  int reading = 0;
};

/**
 * What goes on in the place of x, of x's shape; another type is converted. Called on the engine's thread, when x is
 * computed. What it throws ends the run and comes back from generate as it is.
 *
 * A changed map's values are added as the difference that they make: what is equal stays the same bits. Captures see
 * maps, and functions compute, as if they were not changed.
 */
using ProbeFunction = std::function<mlx::core::array(const mlx::core::array& x, const ProbeView& at)>;

/** Of several at one place each is given what the one before it left. */
struct Probe {
  ProbePoint point = ProbePoint::block_output;
  /** Blocks ("middle:0", "output", "down_blocks.1"), resnets ("output:1.1": the second of that block), or attention
   * layers as Control::where; predictions: "". */
  std::string where;
  ProbeFunction function;
  AttentionKind attention = AttentionKind::both;
  Window when = {};
  Rows rows = Rows::both;  ///< Those it is given: cond are all but the negative prompt's.
};

inline std::shared_ptr<const Probe> probe(ProbePoint point, std::string where, ProbeFunction function,
                                          AttentionKind attention = AttentionKind::both, Window when = {},
                                          Rows rows = Rows::both) {
  return std::make_shared<const Probe>(Probe{point, std::move(where), std::move(function), attention, when, rows});
}

}  // namespace corepulse
