#pragma once
// The algebra of readings: how the controls at one attention layer, step and row add up.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "control/plan.h"
#include "control/region/part.h"

namespace corepulse::control {

/** What Blur holds: matrices, row by row. */
struct BlurMatrices {
  std::vector<double> down, across;
  int down_rows = 1, across_rows = 1;
  bool operator==(const BlurMatrices&) const = default;
};

/** A reading while it is being made. Empty lists mean 0 (bias), 1 (gains) for every key, or the key's own value (map).
 */
struct Draft {
  std::vector<Source> sources;  ///< Of a text: its internal number.
  std::vector<double> bias, key_gain, value_gain;
  double temperature = 1;
  int function = -1;
  Part share;

  std::optional<Source> query;  ///< As Reading's.
  std::optional<BlurMatrices> blur;
  std::optional<Source> align;
  bool align_values = false;
  std::vector<Source> values;
  std::vector<double> map;  ///< [keys, values]
  bool identity = false, added = false;
  std::vector<int> beside;

  /** Whose values are read, and by whose words phrases find them: the keys' unless `values` says otherwise. */
  const Source& says() const { return values.empty() ? sources[0] : values[0]; }
  /** The keys are not its values' own: other words cannot take their places. */
  bool mapped() const { return !values.empty() || !map.empty(); }

  /** Multiplies the attention to values, the rest adjusted to the same sum; all equal weights are none. */
  void weigh(const std::vector<double>& weights);
  void scale_keys(const std::vector<double>& gains);
  void scale_values(const std::vector<double>& gains);
  /** Logits are divided by t; what was added to them is too. Infinity: the plain mean. */
  void soften(double t);
  bool reads_same(const Draft& other) const;  ///< All but the share.
  /** No key is left in a part of the row that this reading has a share of. */
  bool bars_every_key(const Part& part) const;
  bool operator==(const Draft&) const = default;
};

/** A Finish while it is being made. */
struct FinishDraft {
  std::vector<Draft> against;
  double scale = 0, limit = 0;
  Part share;
  bool operator==(const FinishDraft&) const = default;
};

/** The readings of one row. The shares of those that are not added sum to 1 at every pixel and head. */
class Mix {
 public:
  /** @param elide merge equal readings, drop those without a share, forget trivial numbers: switched off in tests. */
  Mix(Draft own, bool elide, Budget& budget);

  /** An injection: what there is keeps 1 - taken; `taken` is the sum of the new readings' shares. */
  void append(const std::vector<Draft>& readings, const Part& taken);
  /** A reading beside those that there are. */
  void add(Draft beside);
  /** An edit of a part of every reading; `change` returns false for readings it does not apply to. */
  void edit(const Part& part, const std::function<bool(Draft&)>& change);
  /** The same of what finishes compare with, too. */
  void edit_all(const Part& part, const std::function<bool(Draft&)>& change);
  /** In a part of the row other readings in place of each, with its share; none: it stays. */
  void replace(const Part& part, const std::function<std::vector<Draft>(const Draft&)>& change) {
    replace(readings_, part, change);
  }
  /** After all readings. */
  void finish(FinishDraft finish);
  /** Behind the layer the tokens change places: see AttentionPlan::orders. */
  void reorder(std::vector<double> order) { order_ = std::move(order); }

  const std::vector<Draft>& readings() const { return readings_; }
  const std::vector<FinishDraft>& finishes() const { return finishes_; }
  const std::vector<double>& order() const { return order_; }
  bool operator==(const Mix& other) const {
    return readings_ == other.readings_ && finishes_ == other.finishes_ && order_ == other.order_;
  }

 private:
  using Change = std::function<std::vector<Draft>(const Draft&)>;
  void replace(std::vector<Draft>& readings, const Part& part, const Change& change) const;
  void settle(std::vector<Draft>& readings) const;

  std::vector<Draft> readings_;
  std::vector<FinishDraft> finishes_;
  std::vector<double> order_;
  bool elide_;
  Budget* budget_;
};

}  // namespace corepulse::control
