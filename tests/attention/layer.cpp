#include "layer.h"

#include <algorithm>
#include <cmath>

#include "mlx/transforms.h"

namespace corepulse::test {
namespace {

// Owns its numbers as a file would.
io::TensorView view(const Matrix& m, bool vector = false) {
  const auto owner = std::make_shared<std::vector<float>>(m.values.begin(), m.values.end());
  std::vector<int64_t> shape{m.rows, m.columns};
  if (vector) shape.erase(shape.begin());
  return {io::StoredType::f32,           shape, reinterpret_cast<const std::byte*>(owner->data()),
          owner->size() * sizeof(float), false, owner};
}

nn::Weights stored(const LayerWeights& w) {
  return {{{"to_q.weight", view(w.q)},
           {"to_k.weight", view(w.k)},
           {"to_v.weight", view(w.v)},
           {"to_out.0.weight", view(w.out)},
           {"to_out.0.bias", view(w.bias, true)}},
          "layer",
          mx::float32};
}

}  // namespace

Matrix random_matrix(int rows, int columns, double deviation, std::mt19937& random) {
  std::normal_distribution<float> normal(0, static_cast<float>(deviation));
  Matrix m(rows, columns);
  for (auto& v : m.values) v = normal(random);
  return m;
}

Matrix stacked(const Matrix& a, const Matrix& b) {
  Matrix m(a.rows + b.rows, a.columns);
  std::copy(b.values.begin(), b.values.end(), std::copy(a.values.begin(), a.values.end(), m.values.begin()));
  return m;
}

mx::array to_array(const std::vector<Matrix>& batch) {
  std::vector<float> all;
  for (const auto& m : batch) all.insert(all.end(), m.values.begin(), m.values.end());
  return mx::array(all.begin(), {static_cast<int>(batch.size()), batch[0].rows, batch[0].columns}, mx::float32);
}

std::vector<Matrix> to_matrices(const mx::array& batch) {
  auto flat = mx::contiguous(batch);
  mx::eval(flat);
  const float* next = flat.data<float>();
  std::vector<Matrix> all(flat.shape(0), Matrix(flat.shape(1), flat.shape(2)));
  for (auto& m : all)
    for (auto& v : m.values) v = *next++;
  return all;
}

double relative_error(const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
  double difference = 0, largest = 0;
  for (size_t r = 0; r < b.size(); ++r)
    for (size_t i = 0; i < b[r].values.size(); ++i) {
      const double x = a.at(r).values.at(i), y = b[r].values[i];
      if (!std::isfinite(x) || !std::isfinite(y)) return INFINITY;
      difference = std::max(difference, std::abs(x - y)), largest = std::max(largest, std::abs(y));
    }
  return difference / largest;
}

LayerWeights::LayerWeights(int channels, int context_width, unsigned seed)
    : LayerWeights({0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}) {
  std::mt19937 random(seed);
  const double c = 1 / std::sqrt(channels), e = 1 / std::sqrt(context_width);
  q = random_matrix(channels, channels, 1.2 * c, random);
  k = random_matrix(channels, context_width, 1.2 * e, random);
  v = random_matrix(channels, context_width, e, random);
  out = random_matrix(channels, channels, c, random);
  bias = random_matrix(1, channels, 0.1, random);
}

Layer::Layer(const control::Site& site_, LayerWeights weights)
    : site(site_), weights_(std::move(weights)), fused_(stored(weights_), site_, weights_.q.rows, weights_.k.columns) {}

std::vector<Matrix> Layer::fused(const std::vector<Matrix>& x, const attention::Pass& pass) const {
  return to_matrices(fused_(to_array(x), pass));
}

Matrix Layer::project(const Matrix& e, const Matrix& w) {
  Matrix y(e.rows, w.rows);
  for (int r = 0; r < e.rows; ++r)
    for (int o = 0; o < w.rows; ++o)
      for (int i = 0; i < w.columns; ++i) y(r, o) += e(r, i) * w(o, i);
  return y;
}

Heads Layer::logits(const Matrix& x, const Matrix& e) const {
  const auto q = project(x, weights_.q), k = keys(e);
  Heads all(site.heads, Matrix(x.rows, e.rows));
  for (int h = 0; h < site.heads; ++h)
    for (int p = 0; p < x.rows; ++p)
      for (int j = 0; j < e.rows; ++j) {
        for (int d = h * head_size(); d < (h + 1) * head_size(); ++d) all[h](p, j) += q(p, d) * k(j, d);
        all[h](p, j) /= std::sqrt(head_size());
      }
  return all;
}

Heads Layer::softmax(Heads logits) {
  return normalised(edited(std::move(logits), [](double& l, int, int, int) { l = std::exp(l); }));
}

Matrix Layer::say(const Heads& p, const Matrix& e) const {
  const auto v = values(e);
  Matrix y(p[0].rows, v.columns);
  for (int r = 0; r < y.rows; ++r)
    for (int d = 0; d < y.columns; ++d)
      for (int j = 0; j < v.rows; ++j) y(r, d) += p[d / head_size()](r, j) * v(j, d);
  return y;
}

Matrix Layer::out(const Matrix& y) const {
  auto z = project(y, weights_.out);
  for (int r = 0; r < z.rows; ++r)
    for (int c = 0; c < z.columns; ++c) z(r, c) += weights_.bias(0, c);
  return z;
}

Heads edited(Heads p, const std::function<void(double&, int, int, int)>& edit) {
  for (size_t h = 0; h < p.size(); ++h)
    for (int r = 0; r < p[h].rows; ++r)
      for (int j = 0; j < p[h].columns; ++j) edit(p[h](r, j), static_cast<int>(h), r, j);
  return p;
}

Heads normalised(Heads p) {
  for (auto& head : p)
    for (int r = 0; r < head.rows; ++r) {
      double sum = 0;
      for (int j = 0; j < head.columns; ++j) sum += head(r, j);
      for (int j = 0; j < head.columns; ++j) head(r, j) /= sum;
    }
  return p;
}

Matrix blend(const Matrix& a, const Matrix& b, const std::function<double(int, int)>& share) {
  Matrix y(a.rows, a.columns);
  for (int p = 0; p < a.rows; ++p)
    for (int c = 0; c < a.columns; ++c) y(p, c) = share(p, c) * a(p, c) + (1 - share(p, c)) * b(p, c);
  return y;
}

}  // namespace corepulse::test
