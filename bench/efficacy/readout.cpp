#include "readout.h"

#include <algorithm>
#include <map>

namespace corepulse::efficacy {

namespace {

constexpr int kWindow = 7;

template <class Visit>
void each_cell(int from, int to, Visit&& visit) {
  for (int y = 0; y < kCells; ++y)
    for (int x = from; x < to; ++x) visit(y * kCells + x, x, y);
}

std::vector<double> grey(const Image& image) {
  std::vector<double> values(size_t(image.width) * image.height);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto* p = &image.pixels[i * 3];
    values[i] = 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
  }
  return values;
}

/** Sums over rectangles in constant time. */
class Sums {
 public:
  template <class Value>
  Sums(int width, int height, Value&& value) : stride_(width + 1), sum_(size_t(stride_) * (height + 1)) {
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        at(x + 1, y + 1) = value(size_t(y) * width + x) + at(x, y + 1) + at(x + 1, y) - at(x, y);
  }
  double mean(int x, int y) const {  // of the window with this left top corner
    return (get(x + kWindow, y + kWindow) - get(x, y + kWindow) - get(x + kWindow, y) + get(x, y)) /
           (kWindow * kWindow);
  }

 private:
  double& at(int x, int y) { return sum_[size_t(y) * stride_ + x]; }
  double get(int x, int y) const { return sum_[size_t(y) * stride_ + x]; }
  int stride_;
  std::vector<double> sum_;
};

}  // namespace

int cells_of(const Answer& answer, int object, int from, int to) {
  int count = 0;
  each_cell(from, to, [&](int i, int, int) { count += answer.cell[i] == object; });
  return count;
}

int main_object(const Answer& answer, int from, int to) {
  std::map<int, int> counts;
  each_cell(from, to, [&](int i, int, int) { counts[answer.cell[i]] += answer.cell[i] != kNothing; });
  const auto most =
      std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; });
  return most->second >= kLeastCells ? most->first : -1;
}

int main_tint(const Answer& answer) {
  const int object = main_object(answer);
  if (object < 0) return -1;
  std::map<int, int> counts;
  each_cell(0, kCells, [&](int i, int, int) { counts[answer.tint[i]] += answer.cell[i] == object; });
  return std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; })->first;
}

Region Box::region() const {
  const auto part = [](int cells) { return double(cells) / kCells; };
  return rectangle(part(left), part(top), part(right - left), part(bottom - top));
}

Box object_box(const Answer& answer, int margin) {
  Box box{kCells, kCells, 0, 0};
  each_cell(0, kCells, [&](int i, int x, int y) {
    if (answer.cell[i] == kNothing) return;
    box = {std::min(box.left, x), std::min(box.top, y), std::max(box.right, x + 1), std::max(box.bottom, y + 1)};
  });
  if (box.empty()) return {};
  return {std::max(box.left - margin, 0), std::max(box.top - margin, 0), std::min(box.right + margin, kCells),
          std::min(box.bottom + margin, kCells)};
}

Mask mask_of(const Box& box) {
  Mask mask{};
  each_cell(0, kCells,
            [&](int i, int x, int y) { mask[i] = x >= box.left && x < box.right && y >= box.top && y < box.bottom; });
  return mask;
}

Mask mask_of(const Answer& a, const Answer& b) {
  Mask mask{};
  each_cell(0, kCells, [&](int, int x, int y) {
    for (int v = std::max(y - 1, 0); v <= std::min(y + 1, kCells - 1); ++v)
      for (int u = std::max(x - 1, 0); u <= std::min(x + 1, kCells - 1); ++u) {
        const int other = v * kCells + u;
        if (a.cell[other] != kNothing || b.cell[other] != kNothing) mask[y * kCells + x] = true;
      }
  });
  return mask;
}

double overlap(const Answer& a, const Answer& b) {
  int both = 0, either = 0;
  each_cell(0, kCells, [&](int i, int, int) {
    const bool here = a.cell[i] != kNothing, there = b.cell[i] != kNothing;
    both += here && there, either += here || there;
  });
  return either ? double(both) / either : 1;
}

double similarity_outside(const Image& a, const Image& b, const Mask& mask) {
  const auto p = grey(a), q = grey(b);
  const int w = a.width, h = a.height, cell = w / kCells;
  const Sums mean_p(w, h, [&](size_t i) { return p[i]; }), mean_q(w, h, [&](size_t i) { return q[i]; });
  const Sums square_p(w, h, [&](size_t i) { return p[i] * p[i]; }),
      square_q(w, h, [&](size_t i) { return q[i] * q[i]; });
  const Sums product(w, h, [&](size_t i) { return p[i] * q[i]; });
  const double c1 = 0.01 * 255 * 0.01 * 255, c2 = 0.03 * 255 * 0.03 * 255;
  const double unbiased = double(kWindow * kWindow) / (kWindow * kWindow - 1);
  double total = 0;
  size_t count = 0;
  for (int y = 0; y + kWindow <= h; ++y)
    for (int x = 0; x + kWindow <= w; ++x) {
      const int left = x / cell, top = y / cell, right = (x + kWindow - 1) / cell, bottom = (y + kWindow - 1) / cell;
      if (mask[top * kCells + left] || mask[top * kCells + right] || mask[bottom * kCells + left] ||
          mask[bottom * kCells + right])
        continue;
      const double mp = mean_p.mean(x, y), mq = mean_q.mean(x, y);
      const double vp = (square_p.mean(x, y) - mp * mp) * unbiased, vq = (square_q.mean(x, y) - mq * mq) * unbiased;
      const double covariance = (product.mean(x, y) - mp * mq) * unbiased;
      total += (2 * mp * mq + c1) * (2 * covariance + c2) / ((mp * mp + mq * mq + c1) * (vp + vq + c2));
      ++count;
    }
  return count ? total / double(count) : 1;
}

}  // namespace corepulse::efficacy
