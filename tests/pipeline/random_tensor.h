#pragma once
// Random numbers as a file's tensor.

#include <memory>
#include <random>
#include <vector>

#include "io/tensors/safetensors.h"

namespace corepulse::test {

/** float32, normal; the view holds its numbers. */
inline io::TensorView random_tensor(std::mt19937& random, std::vector<int64_t> shape, float deviation) {
  std::normal_distribution<float> normal(0, deviation);
  size_t size = 1;
  for (const auto n : shape) size *= static_cast<size_t>(n);
  auto numbers = std::make_shared<std::vector<float>>(size);
  for (auto& x : *numbers) x = normal(random);
  return {io::StoredType::f32, shape, reinterpret_cast<const std::byte*>(numbers->data()),
          numbers->size() * 4, false, numbers};
}

}  // namespace corepulse::test
