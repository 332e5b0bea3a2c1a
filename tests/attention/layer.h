#pragma once
// One attention layer twice: as the engine computes it, and as plain loops in double precision with an explicit
// softmax.

#include <functional>
#include <random>
#include <vector>

#include "attention/attention.h"
#include "io/tensors/tensor_view.h"

namespace corepulse::test {

/** Rows of numbers. */
struct Matrix {
  Matrix(int rows_, int columns_) : rows(rows_), columns(columns_), values(size_t(rows_) * columns_) {}
  double& operator()(int r, int c) { return values[size_t(r) * columns + c]; }
  double operator()(int r, int c) const { return values[size_t(r) * columns + c]; }
  int rows, columns;
  std::vector<double> values;
};

/** Normally distributed numbers that are floats, so that both computations start from the same. */
Matrix random_matrix(int rows, int columns, double deviation, std::mt19937& random);
/** The rows of `a`, then those of `b`. */
Matrix stacked(const Matrix& a, const Matrix& b);
/** One matrix per batch row -> float32 [B, rows, columns], and back. */
mx::array to_array(const std::vector<Matrix>& batch);
std::vector<Matrix> to_matrices(const mx::array& batch);
/** max|a - b| / max|b|; infinite if a number is not finite. */
double relative_error(const std::vector<Matrix>& a, const std::vector<Matrix>& b);

/** The layer's weights, [out, in] each. */
struct LayerWeights {
  LayerWeights(int channels, int context_width, unsigned seed);
  LayerWeights(const Matrix& q_, const Matrix& k_, const Matrix& v_, const Matrix& out_, const Matrix& bias_)
      : q(q_), k(k_), v(v_), out(out_), bias(bias_) {}
  Matrix q, k, v, out, bias;  // bias [1, C]
};

/** Attention of each head: [pixels, keys], rows summing to 1. */
using Heads = std::vector<Matrix>;

class Layer {
 public:
  Layer(const control::Site& site, LayerWeights weights);

  /** The engine's: x [B, N, C]. */
  std::vector<Matrix> fused(const std::vector<Matrix>& x, const attention::Pass& pass) const;
  mx::array call(const mx::array& x, const attention::Pass& pass) const { return fused_(x, pass); }

  /** scale Q K^T of what the pixels x see in the rows of e (texts, or pixels). */
  Heads logits(const Matrix& x, const Matrix& e) const;
  /** softmax(L). */
  static Heads softmax(Heads logits);
  /** P V, heads side by side: [N, C], before to_out. */
  Matrix say(const Heads& p, const Matrix& e) const;
  /** to_out. */
  Matrix out(const Matrix& y) const;

  Matrix queries(const Matrix& x) const { return project(x, weights_.q); }
  Matrix keys(const Matrix& e) const { return project(e, weights_.k); }
  Matrix values(const Matrix& e) const { return project(e, weights_.v); }
  int head_size() const { return weights_.q.rows / site.heads; }

  control::Site site;

 private:
  static Matrix project(const Matrix& e, const Matrix& w);
  LayerWeights weights_;
  attention::Attention fused_;
};

/** Changes every attention number: edit(P, head, pixel, key). */
Heads edited(Heads p, const std::function<void(double&, int head, int pixel, int key)>& edit);
/** Every row divided by its sum. */
Heads normalised(Heads p);
/** share * a + (1 - share) * b, the share by pixel and channel. */
Matrix blend(const Matrix& a, const Matrix& b, const std::function<double(int pixel, int channel)>& share);

}  // namespace corepulse::test
