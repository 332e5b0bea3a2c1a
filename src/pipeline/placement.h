#pragma once
// What a pipeline computes on, and in which numbers.

#include <string>

#include "corepulse/pipeline.h"

#include "mlx/device.h"

#include "base/tensor.h"

namespace corepulse::pipeline {

struct ComputeTarget {
  /** @throws Error{invalid_request} for a device that is not here, or numbers that it does not compute in. */
  explicit ComputeTarget(const LoadOptions& options);

  mx::Dtype dtype() const;
  std::string dtype_name() const;  ///< In recipes: "f32", "f16", "bf16", "int8".
  std::string backend() const;     ///< "cpu", "metal", "cuda".

  mx::Device device;
  ComputeType type;  ///< Never automatic.
};

}  // namespace corepulse::pipeline
