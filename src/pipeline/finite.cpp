#include "pipeline/finite.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mlx/transforms.h"

#include "base/fail.h"
#include "model/finite.h"

namespace corepulse::pipeline {

bool is_finite(const mx::array& x) {
  const auto finite = mx::all(mx::isfinite(x));
  mx::eval(x, finite);
  return mx::array(finite).item<bool>();
}

void fail_not_finite(const std::string& what, const model::Parts& parts, mx::Dtype dtype) {
  if (const auto weights = model::non_finite_weights(parts); !weights.empty())
    fail(
        ErrorCode::bad_file, "generate",
        fmt::format("{}: there are NaN or infinity among the weights of {}; expected numbers; get these files anew, or "
                    "give another network",
                    what, fmt::join(weights, ", and of ")));
  // bfloat16 reaches as far as float32.
  const bool half = dtype == mx::float16;
  fail(ErrorCode::internal, "generate",
       fmt::format("{}: all weights are finite, so something overflowed {}; try {}smaller gains or less guidance", what,
                   half                    ? "float16"
                   : dtype == mx::bfloat16 ? "bfloat16"
                                           : "float32",
                   half ? "float32 (--dtype f32), or " : ""));
}

}  // namespace corepulse::pipeline
