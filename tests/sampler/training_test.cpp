#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "goldens.h"
#include "sampler/schedule/beta_quantile.h"
#include "sampler/schedule/sigma_table.h"

namespace corepulse::sampler {
namespace {

TEST_CASE("alphas_cumprod are Diffusers', for each beta schedule and with zero terminal SNR") {
  const auto goldens = load_goldens("sampler_diffusers.safetensors");
  const auto check = [&](const std::string& key, const std::vector<double>& ours) {
    CAPTURE(key);
    const auto theirs = values<float>(goldens.at("alphas_cumprod/" + key));
    REQUIRE(ours.size() == theirs.size());
    for (size_t i = 0; i < ours.size(); ++i) REQUIRE(std::abs(ours[i] - theirs[i]) <= 1e-6 * theirs[i]);
  };
  const auto sd = alphas_cumprod(0.00085, 0.012, "scaled_linear");
  check("scaled_linear", sd);
  check("linear", alphas_cumprod(0.0001, 0.02, "linear"));
  check("squaredcos_cap_v2", alphas_cumprod(0.0001, 0.02, "squaredcos_cap_v2"));
  check("zero_snr", rescale_zero_terminal_snr(sd));
  CHECK(rescale_zero_terminal_snr(sd).back() == 0);
}

TEST_CASE("Stable Diffusion's sigmas have their known values") {
  const SigmaTable table(sd_training(), Compat::diffusers);
  const double known[][2] = {{0, .029167},    {1, .041314},     {51, .228147},    {201, .57405},    {401, 1.168216},
                             {801, 5.134431}, {951, 11.028331}, {961, 11.676046}, {981, 13.120411}, {999, 14.614641}};
  for (const auto& [t, sigma] : known) CHECK(table.sigma(t) == doctest::Approx(sigma).epsilon(2e-5));
  CHECK(table.size() == 1000);
  CHECK(table.min() == table.sigma(0));
  CHECK(table.max() == table.sigma(999));
}

TEST_CASE("t of sigma of t is t where both interpolate log sigma, and whole t everywhere") {
  const SigmaTable table(sd_training(), Compat::a1111);
  for (double t = 0; t <= 999; t += 0.37) CHECK(table.t(table.sigma(t)) == doctest::Approx(t).epsilon(1e-5));
  for (const auto compat : kCompats) {
    const SigmaTable other(sd_training(), compat);
    for (int t = 0; t <= 999; t += 3) CHECK(std::round(other.t(other.sigma(t))) == t);
    CHECK(other.t(1e9) == 999);
    CHECK(other.t(0) == 0);
    CHECK(other.sigma(-5) == other.min());
    CHECK(other.sigma(5000) == other.max());
  }
}

TEST_CASE("between timesteps Diffusers interpolates sigma, the others its logarithm") {
  const double a = SigmaTable(sd_training(), Compat::diffusers).sigma(100);
  const double b = SigmaTable(sd_training(), Compat::diffusers).sigma(101);
  CHECK(SigmaTable(sd_training(), Compat::diffusers).sigma(100.5) == doctest::Approx((a + b) / 2).epsilon(1e-9));
  for (const auto compat : {Compat::comfy, Compat::a1111})
    CHECK(SigmaTable(sd_training(), compat).sigma(100.5) == doctest::Approx(std::sqrt(a * b)).epsilon(1e-6));
}

TEST_CASE("zero terminal SNR ends at the large sigma of the tool") {
  const auto training = sd_training(Prediction::v, true);
  CHECK(SigmaTable(training, Compat::diffusers).max() == doctest::Approx(4096).epsilon(1e-6));
  CHECK(SigmaTable(training, Compat::comfy).max() == doctest::Approx(4518.76).epsilon(1e-4));
  CHECK(SigmaTable(training, Compat::a1111).max() == SigmaTable(training, Compat::comfy).max());
}

TEST_CASE("a scheduler_config with impossible numbers is refused") {
  const auto refused = [](double start, double end, const char* schedule, int n, ErrorCode code) {
    try {
      alphas_cumprod(start, end, schedule, n);
      FAIL("accepted");
    } catch (const Error& e) {
      CHECK(e.code() == code);
    }
  };
  refused(0, 0.012, "linear", 1000, ErrorCode::bad_file);
  refused(0.02, 0.01, "linear", 1000, ErrorCode::bad_file);
  refused(0.01, 1, "linear", 1000, ErrorCode::bad_file);
  refused(std::nan(""), 0.1, "linear", 1000, ErrorCode::bad_file);
  refused(0.001, 0.01, "linear", 1, ErrorCode::bad_file);
  refused(0.001, 0.01, "linear", 1 << 30, ErrorCode::bad_file);
  refused(0.001, 0.01, "sigmoid", 1000, ErrorCode::unsupported_model);
}

TEST_CASE("the Beta(0.6, 0.6) quantile has scipy's values and is symmetric") {
  const double known[][2] = {{0, 0},
                             {1e-6, 1.8558824624053043e-10},
                             {.001, 1.855873851745199e-05},
                             {.05, .012554456873611399},
                             {.1, .03958440558878085},
                             {.25, .17568037865269498},
                             {.4, .3627009907532143},
                             {.5, .5},
                             {.77, .8461624142323502},
                             {.999, .9999814412614826},
                             {1, 1}};
  for (const auto& [p, x] : known) CHECK(beta_quantile(p, 0.6) == doctest::Approx(x).epsilon(1e-10));
  for (double p = 0.01; p < 1; p += 0.03)
    CHECK(beta_quantile(p, 0.6) + beta_quantile(1 - p, 0.6) == doctest::Approx(1).epsilon(1e-12));
  CHECK(beta_quantile(0.3, 1) == doctest::Approx(0.3).epsilon(1e-12));  // Beta(1, 1) is uniform
}

}  // namespace
}  // namespace corepulse::sampler
