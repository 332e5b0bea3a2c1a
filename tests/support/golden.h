#pragma once
// Goldens and comparisons for tests: what Diffusers computed, and how near we are.

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <map>
#include <string>

#include "mlx/ops.h"
#include "mlx/transforms.h"

#include "base/tensor.h"
#include "io/tensors/safetensors.h"
#include "nn/stored.h"
#include "support/places.h"

namespace corepulse::test {

/** One committed file of tests/golden. Pictures and latents are stored NCHW, as torch has them. */
class Golden {
 public:
  explicit Golden(const std::string& name)
      : file_(io::open_safetensors(test::golden_folder() + "/" + name + ".safetensors")) {}
  bool has(const std::string& name) const { return file_.tensors.contains(name); }
  const io::TensorView& view(const std::string& name) const {
    REQUIRE_MESSAGE(has(name), name);
    return file_.tensors.at(name);
  }
  mx::array array(const std::string& name) const {
    const auto& v = view(name);
    return nn::to_array(v, mx::Shape(v.shape.begin(), v.shape.end()), mx::float32);
  }
  /** Stored NCHW, returned NHWC. */
  mx::array nhwc(const std::string& name) const {
    auto x = mx::contiguous(mx::transpose(array(name), {0, 2, 3, 1}));
    mx::eval(x);
    return x;
  }
  const std::map<std::string, std::string>& metadata() const { return file_.metadata; }

 private:
  io::SafetensorsFile file_;
};

/** max|a - b| / max|b|; infinite if shapes differ or a number is not finite. */
inline double relative_error(const mx::array& a, const mx::array& b) {
  if (a.shape() != b.shape()) return INFINITY;
  const auto difference = mx::max(mx::abs(mx::astype(a, mx::float32) - mx::astype(b, mx::float32)));
  const auto largest = mx::max(mx::abs(mx::astype(b, mx::float32)));
  const auto finite = mx::all(mx::isfinite(a));
  if (!mx::array(finite).item<bool>()) return INFINITY;
  return mx::array(difference).item<float>() / mx::array(largest).item<float>();
}

inline bool same_bits(const mx::array& a, const mx::array& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  auto x = mx::contiguous(a), y = mx::contiguous(b);
  mx::eval(x, y);
  return std::memcmp(x.data<char>(), y.data<char>(), x.nbytes()) == 0;
}

}  // namespace corepulse::test
