#pragma once
// The `mx` alias and the few things every tensor computation needs.

#include <string>

#include "mlx/array.h"
#include "mlx/dtype.h"
#include "mlx/ops.h"

namespace corepulse {

namespace mx = mlx::core;

/** The number c in x's dtype. A bare float in `0.5f * x` would turn a float16 x into float32. */
inline mx::array like(float c, const mx::array& x) {
  return mx::array(c, x.dtype());
}

/** "[2, 77, 768]", for messages. */
std::string to_string(const mx::Shape& shape);

/** Throws Error{internal} naming `where` unless x has exactly this shape; -1 matches any size. */
void check_shape(const mx::array& x, const mx::Shape& expected, const char* where);

}  // namespace corepulse
