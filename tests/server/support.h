#pragma once
// What the tests of the server share.

#include <functional>

#include "http/problem.h"

namespace corepulse::server {

/** Of the problem that it ends in; 200 without. */
inline int status_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Problem& problem) {
    return problem.status;
  }
  return 200;
}

}  // namespace corepulse::server
