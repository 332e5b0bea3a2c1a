#pragma once
// Those who look into the network, and may put something else in the place of what they see.

#include "base/tensor.h"
#include "control/plan.h"
#include "control/site.h"

namespace corepulse::attention {

/** What is seen: of layers what goes in, what their attention is spread over, what comes out; of resnets what they add;
 * of blocks what comes out; the prediction of every row, and what guidance makes of them. */
enum class Point { input, map, output, resnet, block, prediction, guided };

class Probe {
 public:
  virtual ~Probe() = default;
  /** @param place Site::index of a layer, the number of a resnet or a block (unet::resnets, blocks), else 0. False:
   * nothing is made for it.
   */
  virtual bool wants(Point point, int place, const control::Step& step) const = 0;
  /** What goes on in the place of x, whose rows are step.rows: of its shape and type; x itself where nothing changes.
   */
  virtual mx::array see(Point point, int place, const control::Step& step, const mx::array& x) = 0;
  /** The same of one row's map [1, H, N, T], float32, of its reading number `reading`. */
  virtual mx::array see_map(int place, const control::Step& step, int row, int reading, const mx::array& map) = 0;
};

}  // namespace corepulse::attention
