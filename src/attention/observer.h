#pragma once
// Those who watch attention. They get numbers and give none back to the run they watch.

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/tensor.h"
#include "control/plan.h"

namespace corepulse::attention {

/** What is counted in one row of one attention call. */
struct Watch {
  /** By text, the keys that are counted; texts that are not listed are not. */
  const std::map<control::TextId, std::vector<int>>& positions;
  const std::vector<int>& heads;  ///< Those a layer does not have are left out; empty: all.
};

class Observer {
 public:
  virtual ~Observer() = default;
  /** What capture `capture` (AttentionPlan::captures) counts in this row; nothing: it does not watch the row. */
  virtual std::optional<Watch> watch(int capture, const control::Step& step, const control::Row& row) const = 0;
  /** How much each pixel looked at the counted keys, mean over the heads: map [N], 0..1. */
  virtual void record(int capture, const control::Step& step, const control::Row& row, const control::Site& site,
                      const std::vector<double>& map) = 0;
};

/** Keeps what self-attention layers are given and what resnets add, for later runs. */
class Recorder {
 public:
  virtual ~Recorder() = default;
  /** The normalised input x [1, N, C] of a layer, whose projections are keys and values, for any of a plan's captures;
   * or what a resnet adds, for one that watches it (StepPlan::watched). */
  virtual void record(int capture, const control::Step& step, const control::Row& row, const control::Site& site,
                      const mx::array& x) = 0;
};

/** Hears how much the tokens of a layer are looked at (AttentionPlan::looks). */
class Looks {
 public:
  virtual ~Looks() = default;
  /** @param looked_at [N], float32: the sums of the columns of the row's own map, in the mean of all heads. */
  virtual void tell(const control::Site& site, const control::Row& row, mx::array looked_at) = 0;
};

/** What a recorded run's layer was given, or its resnet added, in place of row `row`'s own: [1, N, C]. */
using Recordings = std::function<mx::array(int recording, const control::Site& site, const control::Step& step,
                                           const control::Row& row)>;

}  // namespace corepulse::attention
