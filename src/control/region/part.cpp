#include "control/region/part.h"

#include <algorithm>

#include "base/fail.h"

namespace corepulse::control {
namespace {

template <class Operation>
Part combine(const Part& a, const Part& b, Operation operation) {
  Part out{std::max(a.heads, b.heads), std::max(a.pixels, b.pixels), {}};
  out.values.resize(static_cast<size_t>(out.heads) * out.pixels);
  for (int h = 0; h < out.heads; ++h) {
    const double* x = &a.values[a.heads > 1 ? static_cast<size_t>(h) * a.pixels : 0];
    const double* y = &b.values[b.heads > 1 ? static_cast<size_t>(h) * b.pixels : 0];
    double* z = &out.values[static_cast<size_t>(h) * out.pixels];
    for (int p = 0; p < out.pixels; ++p) z[p] = operation(x[a.pixels > 1 ? p : 0], y[b.pixels > 1 ? p : 0]);
  }
  out.shrink();
  return out;
}

}  // namespace

void Budget::spend(size_t numbers) {
  if ((spent_ += numbers) > limit_)
    fail(ErrorCode::invalid_request, "controls",
         "resolving them takes too much work; use fewer controls, curves or regions");
}

void Part::shrink() {
  const auto row = [&](int h) { return values.begin() + static_cast<ptrdiff_t>(h) * pixels; };
  bool same_rows = heads > 1;
  for (int h = 1; h < heads && same_rows; ++h) same_rows = std::equal(row(0), row(1), row(h));
  if (same_rows) values.resize(pixels), heads = 1;
  bool same_pixels = pixels > 1;
  for (int h = 0; h < heads && same_pixels; ++h)
    same_pixels = std::all_of(row(h), row(h + 1), [&](double v) { return v == *row(h); });
  if (!same_pixels) return;
  for (int h = 0; h < heads; ++h) values[h] = *row(h);
  values.resize(heads), pixels = 1;
}

Part operator*(const Part& a, const Part& b) {
  return combine(a, b, [](double x, double y) { return x * y; });
}
Part operator+(const Part& a, const Part& b) {
  return combine(a, b, [](double x, double y) { return x + y; });
}
Part operator-(double c, const Part& a) {
  Part out = a;
  for (auto& v : out.values) v = c - v;
  return out;
}

}  // namespace corepulse::control
