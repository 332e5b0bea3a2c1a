// The fluent half of corepulse/control.h.
#include "corepulse/control.h"

#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse {
namespace {

[[noreturn]] void lacks(const Effect& effect, const char* what) {
  fail(ErrorCode::invalid_request, "control", fmt::format("{} has no {}; leave it out", kind_name(effect), what));
}

template <class Field, class Value>
Control with(Control copy, Field Control::* field, Value value) {
  copy.*field = std::move(value);
  return copy;
}

// `change` returns whether the effect has what it sets.
template <class Change>
Control changed(Control copy, const char* what, const Change& change) {
  if (!std::visit(change, copy.effect)) lacks(copy.effect, what);
  return copy;
}

}  // namespace

Control Control::at(std::string selector) const {
  return with(*this, &Control::where, std::move(selector));
}
Control Control::steps(int first, int end) const {
  return during(Window::steps(first, end));
}
Control Control::progress(double first, double last) const {
  return during(Window::progress(first, last));
}
Control Control::sigma(double start, double end) const {
  return during(Window::sigma(start, end));
}
Control Control::percent(double start, double end) const {
  return during(Window::percent(start, end));
}
Control Control::during(Window window) const {
  return with(*this, &Control::when, window);
}
Control Control::within(Region part) const {
  return with(*this, &Control::region, std::move(part));
}
Control Control::on(Rows which) const {
  return with(*this, &Control::rows, which);
}
Control Control::for_images(std::vector<int> which) const {
  return with(*this, &Control::images, std::move(which));
}
Control Control::for_heads(std::vector<int> which) const {
  return with(*this, &Control::heads, std::move(which));
}
Control Control::as(Mode which) const {
  return with(*this, &Control::mode, which);
}
Control Control::enable(bool on) const {
  return with(*this, &Control::enabled, on);
}

Control Control::strength(Curve curve) const {
  return changed(*this, "strength", [&](auto& e) {
    constexpr bool has = requires { e.strength; };
    if constexpr (has) e.strength = std::move(curve);
    return has;
  });
}

Control Control::gains(Curve k, Curve v) const {
  return changed(*this, "gains", [&](auto& e) {
    constexpr bool has = requires { e.gain_k; };
    if constexpr (has) e.gain_k = std::move(k), e.gain_v = std::move(v);
    return has;
  });
}

Control Control::occurrence(int n) const {
  return changed(*this, "phrase", [&](auto& e) {
    constexpr bool has = requires { e.tokens; };
    if constexpr (has) e.tokens.occurrence = n;
    return has;
  });
}

Control Control::context(TokenContext which) const {
  return changed(*this, "context", [&](auto& e) {
    constexpr bool has = requires { e.context; };
    if constexpr (has) e.context = which;
    return has;
  });
}

}  // namespace corepulse
