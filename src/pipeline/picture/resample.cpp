#include "pipeline/picture/resample.h"

#include <algorithm>
#include <cmath>

namespace corepulse::pipeline {
namespace {

/** One cell of the new line: which cells of the old one it takes, and how much of each. */
struct Tap {
  int first = 0;
  std::vector<double> weights;
};

std::vector<Tap> area_taps(int from, int to) {
  std::vector<Tap> taps(to);
  // In units of 1 / (from * to) of the line, so that all edges are whole numbers.
  for (int i = 0; i < to; ++i) {
    const long long begin = 1LL * i * from, end = begin + from;
    taps[i].first = static_cast<int>(begin / to);
    for (long long cell = taps[i].first; cell * to < end; ++cell) {
      const auto overlap = std::min(end, (cell + 1) * to) - std::max(begin, cell * to);
      taps[i].weights.push_back(static_cast<double>(overlap) / from);
    }
  }
  return taps;
}

std::vector<Tap> linear_taps(int from, int to) {
  std::vector<Tap> taps(to);
  for (int i = 0; i < to; ++i) {
    const double x = std::clamp((i + 0.5) * from / to - 0.5, 0.0, from - 1.0);
    taps[i].first = std::min(static_cast<int>(x), std::max(0, from - 2));
    const double second = x - taps[i].first;
    taps[i].weights = {1 - second};
    if (from > 1) taps[i].weights.push_back(second);
  }
  return taps;
}

std::vector<Tap> nearest_taps(int from, int to, bool middle) {
  std::vector<Tap> taps(to);
  const float scale = static_cast<float>(from) / static_cast<float>(to);  // in torch's numbers
  for (int i = 0; i < to; ++i) {
    const float x = (static_cast<float>(i) + (middle ? 0.5f : 0.f)) * scale;
    taps[i] = {std::min(static_cast<int>(x), from - 1), {1}};
  }
  return taps;
}

/** Of cubic convolution, at this distance. */
double cubic(double x) {
  constexpr double a = -0.75;
  x = std::abs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

std::vector<Tap> cubic_taps(int from, int to) {
  std::vector<Tap> taps(to);
  for (int i = 0; i < to; ++i) {
    const double x = (i + 0.5) * from / to - 0.5;
    const int left = static_cast<int>(std::floor(x)) - 1;
    const auto cell = [&](int k) { return std::clamp(left + k, 0, from - 1); };
    taps[i].first = cell(0);
    taps[i].weights.resize(static_cast<size_t>(cell(3) - cell(0)) + 1);
    for (int k = 0; k < 4; ++k) taps[i].weights[static_cast<size_t>(cell(k) - cell(0))] += cubic(x - (left + k));
  }
  return taps;
}

std::vector<double> resample(const std::vector<double>& values, int width, const std::vector<Tap>& rows,
                             const std::vector<Tap>& columns) {
  std::vector<double> out;
  out.reserve(rows.size() * columns.size());
  for (const auto& row : rows)
    for (const auto& column : columns) {
      double sum = 0;
      for (size_t y = 0; y < row.weights.size(); ++y)
        for (size_t x = 0; x < column.weights.size(); ++x)
          sum += row.weights[y] * column.weights[x] * values[(row.first + y) * width + column.first + x];
      out.push_back(sum);
    }
  return out;
}

}  // namespace

std::vector<double> resample_area(const std::vector<double>& values, control::Grid from, control::Grid to) {
  return resample(values, from.width, area_taps(from.height, to.height), area_taps(from.width, to.width));
}

std::vector<double> resample_linear(const std::vector<double>& values, control::Grid from, control::Grid to) {
  return resample(values, from.width, linear_taps(from.height, to.height), linear_taps(from.width, to.width));
}

std::vector<double> resample_nearest(const std::vector<double>& values, control::Grid from, control::Grid to,
                                     bool middle) {
  return resample(values, from.width, nearest_taps(from.height, to.height, middle),
                  nearest_taps(from.width, to.width, middle));
}

std::vector<double> resample_cubic(const std::vector<double>& values, control::Grid from, control::Grid to) {
  return resample(values, from.width, cubic_taps(from.height, to.height), cubic_taps(from.width, to.width));
}

}  // namespace corepulse::pipeline
