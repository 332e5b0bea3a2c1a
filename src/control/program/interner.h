#pragma once
// Equal lists of numbers become one.

#include <unordered_map>

#include "control/plan.h"

namespace corepulse::control {

class Interner {
 public:
  /** null for an empty list. @throws Error{invalid_request} when all of them together get too large. */
  Values operator()(const std::vector<double>& numbers);

 private:
  std::unordered_map<size_t, std::vector<Values>> known_;
  size_t stored_ = 0;
};

}  // namespace corepulse::control
