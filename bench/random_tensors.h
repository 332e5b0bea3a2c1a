#pragma once
// Networks of true shapes without their weights.

#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "../tests/model/full_size.h"
#include "io/tensors/ldm_names.h"

namespace corepulse {

/** Matrices uniform with deviation 1/sqrt(fan_in), norms 1, so that activations stay of order 1. */
inline io::TensorView random_tensor(const std::string& name, const std::vector<int64_t>& shape,
                                    std::minstd_rand& random) {
  io::TensorView view;
  view.shape = shape;
  const size_t n = view.elements();
  const auto numbers = std::make_shared<std::vector<float>>(n);
  const double fan_in = static_cast<double>(n) / static_cast<double>(shape.empty() ? 1 : shape[0]);
  const bool norm = shape.size() == 1 && name.find("weight") != std::string::npos;
  const float width = norm ? 0 : 2 * std::sqrt(3 / static_cast<float>(fan_in)) / 2147483646.0f;
  for (auto& x : *numbers) x = norm ? 1 : (static_cast<float>(random()) - 1073741823.0f) * width;
  view.data = reinterpret_cast<const std::byte*>(numbers->data());
  view.bytes = n * sizeof(float);
  view.owner = numbers;
  return view;
}

/** By Diffusers' names, float32, the same in every run. @param bytes grows by their size. */
inline io::Tensors random_tensors(io::Naming naming, const test::Shapes& shapes, double& bytes) {
  io::Tensors tensors;
  std::minstd_rand random(1);
  for (const auto& [name, shape] : shapes) {
    const auto view = random_tensor(name, shape, random);
    bytes += static_cast<double>(view.bytes);
    tensors.emplace(name, view);
  }
  return io::to_diffusers(naming, tensors);
}

}  // namespace corepulse
