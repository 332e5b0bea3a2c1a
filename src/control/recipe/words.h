#pragma once
// The words of a recipe: every enumeration's values as JSON spells them. Those of one kind of control stand in its
// file.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/control.h"
#include "corepulse/init_picture.h"
#include "corepulse/second_pass.h"

namespace corepulse::control {

/** The names of an enumeration, in the order of its values. */
template <class E>
std::span<const char* const> names_of();

template <class E>
const char* name_of(E value) {
  return names_of<E>()[static_cast<size_t>(value)];
}

inline std::vector<std::string> strings(std::span<const char* const> names) {
  return {names.begin(), names.end()};
}

}  // namespace corepulse::control
