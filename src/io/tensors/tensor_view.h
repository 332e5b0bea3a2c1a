#pragma once
// One tensor of a file, as bytes in memory that somebody else keeps alive.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace corepulse::io {

enum class StoredType { f16, bf16, f32, f64, f8_e4m3, f8_e5m2, i8, i16, i32, i64, u8, boolean };

/** A view of a stored tensor: shape as in the file (row-major), data read-only and possibly
 * unaligned. */
struct TensorView {
  StoredType type = StoredType::f32;
  std::vector<int64_t> shape;
  const std::byte* data = nullptr;
  size_t bytes = 0;
  bool transposed = false;            ///< 2-D only: the wanted matrix is the transpose of what is stored.
  std::shared_ptr<const void> owner;  ///< Keeps the mapping alive.
  float scale = 1;                    ///< What every stored number is multiplied by.

  size_t elements() const {
    size_t n = 1;
    for (const auto d : shape) n *= static_cast<size_t>(d);
    return n;
  }
};

/** Tensors by name, e.g. all of one component. */
using Tensors = std::unordered_map<std::string, TensorView>;

}  // namespace corepulse::io
