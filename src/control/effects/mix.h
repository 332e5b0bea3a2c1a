#pragma once
// The algebra of readings: how the controls at one attention layer, step and row add up.

#include <functional>
#include <string>
#include <vector>

#include "control/plan.h"

namespace corepulse::control {

/** Counts the work of resolving a program, so that hostile recipes end in an error and not in hours. */
class Budget {
 public:
  /** @param limit numbers computed in all; 10^9 take several seconds. */
  explicit Budget(size_t limit) : limit_(limit) {}
  /** @throws Error{invalid_request} once the sum of all numbers exceeds the limit. */
  void spend(size_t numbers);

 private:
  size_t limit_, spent_ = 0;
};

/** A part of a row: [heads, pixels], either may be 1. Canonical: the fewest numbers that say it. */
struct Part {
  int heads = 1, pixels = 1;
  std::vector<double> values{1};

  bool is(double value) const { return values.size() == 1 && values[0] == value; }
  bool operator==(const Part&) const = default;
  /** Drops an axis along which nothing changes. */
  void shrink();
};

Part operator*(const Part& a, const Part& b);
Part operator+(const Part& a, const Part& b);
Part operator-(double c, const Part& a);

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
