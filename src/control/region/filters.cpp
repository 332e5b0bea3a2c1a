#include "control/region/filters.h"

#include <algorithm>
#include <cmath>

namespace corepulse::control {
namespace {

// A line of values as a step function, with its integral. Outside, the first and last values go on.
class Line {
 public:
  explicit Line(int n) : values_(n), sums_(n + 1) {}
  double& operator[](int i) { return values_[i]; }
  void sum_up() {
    for (size_t i = 0; i < values_.size(); ++i) sums_[i + 1] = sums_[i] + values_[i];
  }
  double mean(double from, double to) const { return (integral(to) - integral(from)) / (to - from); }

 private:
  double integral(double x) const {
    const auto n = static_cast<double>(values_.size());
    if (x <= 0) return x * values_.front();
    if (x >= n) return sums_.back() + (x - n) * values_.back();
    const auto i = static_cast<size_t>(x);
    return sums_[i] + (x - static_cast<double>(i)) * values_[i];
  }
  std::vector<double> values_, sums_;
};

// Rows of values, each made `width` long by `mean(line, i)`, come out as columns.
template <class Value, class Mean>
Mask columns(const std::vector<Value>& in, int in_height, int in_width, int width, Mean mean) {
  Mask out{width, in_height, std::vector<double>(static_cast<size_t>(width) * in_height)};
  Line line(in_width);
  for (int y = 0; y < in_height; ++y) {
    for (int x = 0; x < in_width; ++x) line[x] = in[static_cast<size_t>(y) * in_width + x];
    line.sum_up();
    for (int x = 0; x < width; ++x) out.values[static_cast<size_t>(x) * in_height + y] = mean(line, x);
  }
  return out;
}

template <class Picture>
Mask shrink_rows(const Picture& in, int width) {
  const double step = static_cast<double>(in.width) / width;
  return columns(in.values, in.height, in.width, width,
                 [&](const Line& line, int i) { return line.mean(i * step, (i + 1) * step); });
}

/** Of each row the part from begin to end, as columns. */
Mask part_of_rows(const Mask& in, const std::pair<double, double>& part) {
  const double begin = part.first, end = part.second;
  const int width = std::max(1, static_cast<int>(std::lround(end - begin)));
  const double step = (end - begin) / width;
  return columns(in.values, in.height, in.width, width,
                 [=](const Line& line, int i) { return line.mean(begin + i * step, begin + (i + 1) * step); });
}

Mask average_rows(const Mask& in, double size) {
  return columns(in.values, in.height, in.width, in.width, [&](const Line& line, int i) {
    return size > 0 ? line.mean(i + 0.5 - size / 2, i + 0.5 + size / 2) : line.mean(i, i + 1);
  });
}

}  // namespace

Mask area_mean(const Mask& mask, int height, int width) {
  return shrink_rows(shrink_rows(mask, width), height);
}

Mask area_mean(const MaskPicture& picture, int height, int width) {
  auto mask = shrink_rows(shrink_rows(picture, width), height);
  for (auto& v : mask.values) v = std::clamp(v / 255, 0.0, 1.0);
  return mask;
}

Mask area_mean(const Mask& mask, const std::pair<double, double>& rows, const std::pair<double, double>& columns) {
  auto part = part_of_rows(part_of_rows(mask, columns), rows);
  for (auto& v : part.values) v = std::clamp(v, 0.0, 1.0);
  return part;
}

void moving_average(Mask& mask, double x, double y) {
  mask = average_rows(average_rows(mask, x), y);
  for (auto& v : mask.values) v = std::clamp(v, 0.0, 1.0);
}

void gaussian_blur(Mask& mask, double x, double y) {
  // The variance of a box of width w is w^2 / 12.
  const double box = std::sqrt(12.0 / 4);
  for (int i = 0; i < 4; ++i) moving_average(mask, x * box, y * box);
}

}  // namespace corepulse::control
