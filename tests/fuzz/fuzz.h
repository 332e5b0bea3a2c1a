#pragma once
// What every fuzz target asks: no crash, no other exception than Error, and a message fit to be shown.

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

#include "corepulse/error.h"

#include "io/utf8.h"

namespace corepulse::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline std::string_view text(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/** Runs `act`; whether it threw nothing. An Error must have one of `codes` and a short, printable message. */
template <typename F>
bool accepts(std::initializer_list<ErrorCode> codes, F&& act) {
  try {
    act();
    return true;
  } catch (const Error& e) {
    bool known = false;
    for (const auto code : codes) known = known || e.code() == code;
    const std::string message = e.what();
    require(known && message.size() < 2000 && io::is_utf8(message));
    for (const unsigned char c : message) require(c >= 0x20);
    return false;
  }
}

}  // namespace corepulse::fuzz
