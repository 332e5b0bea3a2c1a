#pragma once
// Products of matrices without MLX's operations, which have a thread of their own: weights are read on others.

#include <cstdint>
#include <vector>

#include "base/tensor.h"
#include "kernels/convert.h"

namespace corepulse::adapters {

/** Uninitialised, float32. */
mx::array fresh(const mx::Shape& shape);

/** a[m, k] b[k, n]. */
std::vector<float> multiply(const std::vector<float>& a, const std::vector<float>& b, int64_t m, int64_t k, int64_t n);

/** a[rows, columns] -> [columns, rows]. */
std::vector<float> transposed(const std::vector<float>& a, int64_t rows, int64_t columns);

/** A core `mid` [r, s, kernel] between up [out, r] and down [s, in]: [out, in, kernel]. */
std::vector<float> tucker(const std::vector<float>& mid, const std::vector<float>& up, const std::vector<float>& down,
                          int64_t out, int64_t in, int64_t kernel);

}  // namespace corepulse::adapters
