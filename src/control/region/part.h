#pragma once
// Parts of a row of attention, as numbers; and a limit for how many numbers are computed.

#include <cstddef>
#include <vector>

namespace corepulse::control {

/** Counts the work of resolving a program, so that hostile recipes end in an error and not in hours. */
class Budget {
 public:
  /** @param limit numbers computed in all; 10^9 take several seconds. */
  explicit Budget(size_t limit) : limit_(limit) {}
  /** @throws Error{invalid_request} once the sum of all numbers exceeds the limit. */
  void spend(size_t numbers);
  size_t spent() const { return spent_; }

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

}  // namespace corepulse::control
