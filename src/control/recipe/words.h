#pragma once
// The words of a recipe: every enumeration's values as JSON spells them.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/control.h"

namespace corepulse::control {

/** The names of an enumeration, in the order of its values. */
template <class E>
std::span<const char* const> names_of();

template <class E>
const char* name_of(E value) {
  return names_of<E>()[static_cast<size_t>(value)];
}

/** All kinds, in the order of Effect. */
std::vector<std::string> kind_names();

/** A default effect of that kind. @param kind must be one of kind_names(). */
Effect effect_of(std::string_view kind);

inline std::vector<std::string> strings(std::span<const char* const> names) {
  return {names.begin(), names.end()};
}

}  // namespace corepulse::control
