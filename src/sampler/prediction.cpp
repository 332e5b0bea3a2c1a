#include "sampler/prediction.h"

#include <cmath>

#include "base/fail.h"
#include "sampler/step.h"

namespace corepulse::sampler {

mx::array model_input(const mx::array& x, double sigma) {
  return times(1 / std::sqrt(sigma * sigma + 1), x);
}

mx::array denoised(Prediction prediction, const mx::array& x, const mx::array& model_output, double sigma) {
  const auto output = mx::astype(model_output, x.dtype());
  const double variance = sigma * sigma + 1;
  switch (prediction) {
    case Prediction::epsilon:
      return x - times(sigma, output);
    case Prediction::v:
      return times(1 / variance, x) - times(sigma / std::sqrt(variance), output);
    case Prediction::sample:
      return output;
  }
  fail(ErrorCode::invalid_request, "sampler", "no such prediction");
}

}  // namespace corepulse::sampler
