#include "sampler/prediction.h"

#include <cmath>

#include "base/fail.h"
#include "sampler/step.h"

namespace corepulse::sampler {

namespace {

/** Of the latents that the scales were made for. */
double sigma_data(const Training& training) {
  return training.edm ? training.edm->sigma_data : 1;
}

}  // namespace

mx::array model_input(const Training& training, const mx::array& x, double sigma) {
  return times(1 / std::sqrt(sigma * sigma + sigma_data(training) * sigma_data(training)), x);
}

mx::array denoised(const Training& training, const mx::array& x, const mx::array& model_output, double sigma) {
  const auto output = mx::astype(model_output, x.dtype());
  const double data = sigma_data(training), variance = sigma * sigma + data * data;
  const double own = data * data / variance, share = sigma * data / std::sqrt(variance);
  switch (training.prediction) {
    case Prediction::epsilon:
      // EDM's networks say what is added to their share of x, not what was added to the picture.
      return training.edm ? times(own, x) + times(share, output) : x - times(sigma, output);
    case Prediction::v:
      return times(own, x) - times(share, output);
    case Prediction::sample:
      return output;
  }
  fail(ErrorCode::invalid_request, "sampler", "no such prediction");
}

double picture_by_output(const Training& training, double sigma) {
  const double data = sigma_data(training), share = sigma * data / std::sqrt(sigma * sigma + data * data);
  switch (training.prediction) {
    case Prediction::epsilon:
      return training.edm ? share : -sigma;
    case Prediction::v:
      return -share;
    case Prediction::sample:
      return 1;
  }
  fail(ErrorCode::invalid_request, "sampler", "no such prediction");
}

mx::array noise_in(Prediction prediction, const mx::array& x, const mx::array& model_output, double sigma) {
  const auto output = mx::astype(model_output, x.dtype());
  const double variance = sigma * sigma + 1;
  if (prediction == Prediction::epsilon) return output;
  if (prediction == Prediction::v) return times(1 / std::sqrt(variance), output) + times(sigma / variance, x);
  fail(ErrorCode::internal, "sampler", "noise is asked of a model that does not tell it");
}

}  // namespace corepulse::sampler
