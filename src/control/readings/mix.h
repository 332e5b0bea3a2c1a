#pragma once
// The algebra of readings: how the controls at one attention layer, step and row add up.

#include <functional>
#include <string>
#include <vector>

#include "control/plan.h"
#include "control/region/part.h"

namespace corepulse::control {

/** A reading while it is being made. Empty lists mean 0 (bias) or 1 (gains) for every key. */
struct Draft {
  std::vector<Source> sources;  ///< Of a text: its internal number.
  std::vector<double> bias, key_gain, value_gain;
  double temperature = 1;
  int function = -1;
  Part share;

  /** Multiplies the weights of keys; all equal weights are none. */
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

/** The readings of one row. Their shares sum to 1 at every pixel and head. */
class Mix {
 public:
  /** @param elide merge equal readings, drop those without a share, forget trivial numbers: switched off in tests. */
  Mix(Draft own, bool elide, Budget& budget);

  /** An injection: what there is keeps 1 - taken; `taken` is the sum of the new readings' shares. */
  void append(const std::vector<Draft>& readings, const Part& taken);
  /** An edit of a part of every reading; `change` returns false for readings it does not apply to. */
  void edit(const Part& part, const std::function<bool(Draft&)>& change);

  const std::vector<Draft>& readings() const { return readings_; }
  bool operator==(const Mix& other) const { return readings_ == other.readings_; }

 private:
  void settle();

  std::vector<Draft> readings_;
  bool elide_;
  Budget* budget_;
};

}  // namespace corepulse::control
