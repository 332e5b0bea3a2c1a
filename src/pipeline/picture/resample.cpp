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

}  // namespace corepulse::pipeline
