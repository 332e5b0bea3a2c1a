#include <algorithm>

#include "corepulse/control_values.h"

namespace corepulse {

Curve Curve::ramp(double start, double end, double edge, double height) {
  edge = std::clamp(edge, 0.0, (end - start) / 2);
  return {{start, 0}, {start + edge, height}, {end - edge, height}, {end, 0}};
}

double Curve::at(double progress) const {
  if (points.empty()) return 0;
  const auto after = std::upper_bound(points.begin(), points.end(), progress,
                                      [](double p, const auto& point) { return p < point.first; });
  if (after == points.begin()) return points.front().second;
  const auto& [p0, v0] = *std::prev(after);
  if (after == points.end()) return v0;
  const auto& [p1, v1] = *after;
  return v0 + (v1 - v0) * ((progress - p0) / (p1 - p0));
}

}  // namespace corepulse
