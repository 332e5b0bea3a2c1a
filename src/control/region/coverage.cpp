#include "control/region/coverage.h"

#include <algorithm>
#include <cmath>

namespace corepulse::control {
namespace {

using Point = Region::Point;

// Adds to a row what lies right of an edge piece that falls by `d` between columns x0 <= x1 of that row.
void add_piece(double* row, double x0, double x1, double d) {
  const int first = static_cast<int>(std::floor(x0));
  const int last = std::max(first + 1, static_cast<int>(std::ceil(x1)));
  if (last == first + 1) {  // within one cell
    const double mean = (x0 + x1) / 2 - first;
    row[first] += d * (1 - mean);
    row[last] += d * mean;
    return;
  }
  // The covered area of cell i is the integral of the part of the piece left of each point of the cell.
  const double slope = 1 / (x1 - x0);
  const auto area_before = [&](double x) {  // integral of clamp((x - x0) * slope, 0, 1) up to x
    if (x <= x0) return 0.0;
    if (x >= x1) return (x1 - x0) / 2 + (x - x1);
    return (x - x0) * (x - x0) * slope / 2;
  };
  double before = area_before(first), sum = 0;
  for (int i = first; i <= last; ++i) {
    const double next = area_before(i + 1), cell = next - before;
    row[i] += d * (cell - sum);  // rows are summed up later
    sum = cell, before = next;
  }
}

void add_edge(std::vector<double>& sums, int height, int width, Point a, Point b) {
  if (a.second == b.second) return;
  const double direction = a.second < b.second ? 1 : -1;
  if (direction < 0) std::swap(a, b);
  const double dxdy = (b.first - a.first) / (b.second - a.second);
  const int last = static_cast<int>(std::min<double>(height, std::ceil(b.second)));
  for (int y = static_cast<int>(std::max(0.0, std::floor(a.second))); y < last; ++y) {
    const double top = std::max<double>(y, a.second), bottom = std::min<double>(y + 1, b.second);
    const double x0 = a.first + (top - a.second) * dxdy, x1 = a.first + (bottom - a.second) * dxdy;
    add_piece(&sums[static_cast<size_t>(y) * (width + 2)], std::clamp<double>(std::min(x0, x1), 0, width),
              std::clamp<double>(std::max(x0, x1), 0, width), direction * (bottom - top));
  }
}

// Cuts an edge where it enters or leaves the columns 0..width; outside, only its height matters.
void add_clipped(std::vector<double>& sums, int height, int width, const Point& a, const Point& b) {
  std::vector<double> cuts{0, 1};
  for (const double x : {0.0, static_cast<double>(width)})
    if ((a.first < x) != (b.first < x)) cuts.push_back((x - a.first) / (b.first - a.first));
  std::sort(cuts.begin(), cuts.end());
  const auto at = [&](double t) {
    if (t == 0) return a;
    if (t == 1) return b;
    return Point{a.first + (b.first - a.first) * t, a.second + (b.second - a.second) * t};
  };
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    auto from = at(cuts[i]), to = at(cuts[i + 1]);
    from.first = std::clamp<double>(from.first, 0, width);
    to.first = std::clamp<double>(to.first, 0, width);
    add_edge(sums, height, width, from, to);
  }
}

}  // namespace

Mask coverage(const std::vector<Point>& corners, int height, int width) {
  std::vector<double> sums(static_cast<size_t>(height) * (width + 2));
  for (size_t i = 0; i < corners.size(); ++i)
    add_clipped(sums, height, width, corners[i], corners[(i + 1) % corners.size()]);
  Mask mask{height, width, std::vector<double>(static_cast<size_t>(height) * width)};
  for (int y = 0; y < height; ++y) {
    double sum = 0;
    for (int x = 0; x < width; ++x) {
      sum += sums[static_cast<size_t>(y) * (width + 2) + x];
      mask.values[static_cast<size_t>(y) * width + x] = std::min(1.0, std::abs(sum));
    }
  }
  return mask;
}

}  // namespace corepulse::control
