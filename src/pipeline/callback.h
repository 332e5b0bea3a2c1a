#pragma once
// Calling a function of the application: what it throws comes back to the application as it was thrown.

#include <exception>
#include <utility>

namespace corepulse::pipeline {

/** On its way through the library. No std::exception: nothing between may take it for a failure of its own. */
struct Thrown {
  std::exception_ptr exception;
};

/** @throws Thrown with whatever the function throws. */
template <class Function, class... Arguments>
decltype(auto) call_back(Function&& function, Arguments&&... arguments) {
  try {
    return std::forward<Function>(function)(std::forward<Arguments>(arguments)...);
  } catch (...) {
    throw Thrown{std::current_exception()};
  }
}

}  // namespace corepulse::pipeline
