#include "sampler/prediction.h"

#include <cmath>
#include <doctest/doctest.h>

#include "mlx/random.h"

#include "goldens.h"
#include "sampler/guidance/guidance.h"

namespace corepulse::sampler {
namespace {

mx::array normal(uint64_t seed) {
  return mx::random::normal({2, 4, 4, 4}, mx::float32, mx::random::key(seed));
}

mx::array rows(std::vector<float> numbers) {
  return mx::array(numbers.begin(), {2, static_cast<int>(numbers.size()) / 2}, mx::float32);
}

Training of(Prediction prediction) {
  return {{}, prediction};
}

TEST_CASE("the true noise, velocity or picture as the network's output gives back the picture") {
  const auto picture = normal(1), noise = normal(2);
  for (const double sigma : {0.03, 0.7, 14.6, 4096.0}) {
    CAPTURE(sigma);
    const auto s = mx::array(static_cast<float>(sigma));
    const auto x = picture + s * noise;
    const auto velocity = (noise - s * picture) / mx::sqrt(s * s + mx::array(1.0f));
    // At sigma 4096 float32 holds x to 5e-4 and no better.
    const double tolerance = sigma > 100 ? 1e-3 : 1e-5;
    CHECK(relative_error(denoised(of(Prediction::epsilon), x, noise, sigma), picture) < tolerance);
    CHECK(relative_error(denoised(of(Prediction::v), x, velocity, sigma), picture) < tolerance);
    CHECK(relative_error(denoised(of(Prediction::sample), x, picture, sigma), picture) == 0);
  }
}

TEST_CASE("the network's input has variance 1 at every sigma") {
  const auto picture = mx::random::normal({1, 64, 64, 4}, mx::float32, mx::random::key(3));
  const auto noise = mx::random::normal({1, 64, 64, 4}, mx::float32, mx::random::key(4));
  for (const double sigma : {0.03, 1.0, 14.6}) {
    const auto input =
        model_input(of(Prediction::epsilon), picture + mx::array(static_cast<float>(sigma)) * noise, sigma);
    auto deviation = mx::std(input);
    CHECK(deviation.item<float>() == doctest::Approx(1).epsilon(0.02));
  }
}

TEST_CASE("EDM's scales: inputs of variance 1, and outputs from which the picture comes back") {
  const double data = 0.5;
  const auto size = mx::array(static_cast<float>(data));
  const auto picture = size * normal(1), noise = normal(2);
  for (const double sigma : {0.002, 0.7, 80.0}) {
    CAPTURE(sigma);
    const auto s = mx::array(static_cast<float>(sigma)), length = mx::sqrt(s * s + size * size);
    const auto x = picture + s * noise;
    // What the network was trained to say (Karras et al. 2022, equation 7): the picture without its share of x.
    const auto said = (picture - size * size / (length * length) * x) / (s * size / length);
    const Training epsilon{{}, Prediction::epsilon, Edm{0.002, 80, data}}, v{{}, Prediction::v, epsilon.edm};
    CHECK(relative_error(denoised(epsilon, x, said, sigma), picture) < 1e-4);
    CHECK(relative_error(denoised(v, x, mx::negative(said), sigma), picture) < 1e-4);
    CHECK(relative_error(model_input(epsilon, x, sigma), x / length) < 1e-6);
  }
}

TEST_CASE("the estimate has the dtype of x, whatever the network's") {
  const auto x = normal(1);
  for (const auto p : {Prediction::epsilon, Prediction::v, Prediction::sample})
    CHECK(denoised(of(p), x, mx::astype(x, mx::float16), 2).dtype() == mx::float32);
}

TEST_CASE("guidance 1 is the prompt, 0 is its absence, and it may act on outputs or on estimates alike") {
  const auto uncond = normal(5), cond = normal(6), x = normal(7);
  CHECK(relative_error(guide(uncond, cond, 1), cond) < 1e-6);
  CHECK(relative_error(guide(uncond, cond, 0), uncond) == 0);
  for (const auto p : {Prediction::epsilon, Prediction::v}) {
    const auto on_output = denoised(of(p), x, guide(uncond, cond, 7.5), 3);
    const auto on_estimate = guide(denoised(of(p), x, uncond, 3), denoised(of(p), x, cond, 3), 7.5);
    CHECK(relative_error(on_output, on_estimate) < 1e-5);
  }
}

TEST_CASE("rescaled guidance has Diffusers' values, image by image") {
  const auto cond = rows({1, 2, 3, 5, 0, -1, 4, 2}), uncond = rows({.5, 1, -1, 2, 1, 1, 0, -2});
  const auto guided = guide(uncond, cond, 7.5);
  CHECK(relative_error(guided, rows({4.25, 8.5, 29, 24.5, -6.5, -14, 30, 28})) < 1e-6);
  // diffusers 0.42.1 rescale_noise_cfg(guided, cond, 0.7)
  const auto expected = rows({1.697277307510376f, 3.394554615020752f, 11.581421852111816f, 9.78430461883545f,
                              -2.390922784805298f, -5.149680137634277f, 11.035028457641602f, 10.299360275268555f});
  CHECK(relative_error(rescale_guidance(guided, cond, 0.7), expected) < 1e-6);
  CHECK(relative_error(rescale_guidance(guided, cond, 0), guided) == 0);
  auto full = mx::std(rescale_guidance(guided, cond, 1), std::vector<int>{1});
  CHECK(relative_error(full, mx::std(cond, std::vector<int>{1})) < 1e-6);
}

}  // namespace
}  // namespace corepulse::sampler
