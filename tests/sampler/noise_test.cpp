// torch's, CUDA's and MLX's random numbers (make_noise_goldens.py, and values that are known from elsewhere).
#include "sampler/noise/noise.h"

#include <cmath>
#include <doctest/doctest.h>
#include <sstream>

#include "goldens.h"

namespace corepulse::sampler {
namespace {

using Numbers = std::vector<float>;

// As the golden script stores a draw: whole, or its two ends and its sums.
Numbers summary(const Numbers& draw) {
  if (draw.size() <= 512) return draw;
  Numbers result(draw.begin(), draw.begin() + 32);
  result.insert(result.end(), draw.end() - 32, draw.end());
  double sum = 0, squares = 0;
  for (const double v : draw) sum += v, squares += v * v;
  result.push_back(static_cast<float>(sum));
  result.push_back(static_cast<float>(squares));
  return result;
}

void check_draw(const Numbers& draw, const mx::array& golden) {
  const auto ours = summary(draw), theirs = values<float>(golden);
  REQUIRE(ours.size() == theirs.size());
  const size_t sums = draw.size() > 512 ? 2 : 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    const double tolerance = i + sums < ours.size() ? 1e-6 : 2e-7 * draw.size();
    REQUIRE(std::abs(ours[i] - theirs[i]) <= tolerance);
  }
}

std::vector<int> parse_shape(const std::string& text) {
  std::vector<int> shape;
  std::istringstream in(text);
  for (std::string size; std::getline(in, size, 'x');) shape.push_back(std::stoi(size));
  return shape;
}

// Every <generator>/<seed>/fresh/<shape> and <generator>/<seed>/then/<i> of a file.
void check_file(const std::string& file, int expected_streams) {
  const std::vector<std::vector<int>> sequence = {{17}, {3}, {1, 4, 8, 8}, {5}, {1, 4, 5, 7}, {1, 4, 64, 64}, {16}};
  const auto goldens = load_goldens(file);
  int streams = 0;
  for (const auto& [key, golden] : goldens) {
    CAPTURE(key);
    const auto seed_begin = key.find('/') + 1, seed_end = key.find('/', seed_begin);
    const auto kind = parse_noise(key.substr(0, seed_begin - 1));
    const auto seed = std::stoull(key.substr(seed_begin, seed_end - seed_begin));
    if (const auto fresh = key.find("/fresh/"); fresh != std::string::npos) {
      check_draw(make_noise(kind, seed)->next(parse_shape(key.substr(fresh + 7))), golden);
      ++streams;
    } else if (key.ends_with("/then/0")) {
      const auto stream = make_noise(kind, seed);
      for (size_t i = 0; i < sequence.size(); ++i)
        check_draw(stream->next(sequence[i]), goldens.at(key.substr(0, key.size() - 1) + std::to_string(i)));
      ++streams;
    }
  }
  CHECK(streams == expected_streams);
}

void check_start(NoiseKind kind, uint64_t seed, int n, const Numbers& known) {
  const auto ours = make_noise(kind, seed)->next({n});
  for (size_t i = 0; i < known.size(); ++i) CHECK(ours[i] == doctest::Approx(known[i]).epsilon(1e-4).scale(1));
}

TEST_CASE("a stream repeats from its seed, and other seeds give other numbers") {
  for (const auto kind : {NoiseKind::cpu, NoiseKind::cuda, NoiseKind::mlx}) {
    CAPTURE(name(kind));
    const auto a = make_noise(kind, 5), b = make_noise(kind, 5), c = make_noise(kind, 6);
    for (const auto& shape : std::vector<std::vector<int>>{{20}, {1, 4, 8, 8}, {3}}) {
      const auto numbers = a->next(shape);
      CHECK(numbers == b->next(shape));
      CHECK(numbers != c->next(shape));
    }
    CHECK(make_noise(kind, 5)->next({20}) != a->next({20}));
    CHECK(a->next({0}).empty());
  }
}

TEST_CASE("the numbers are standard normal") {
  for (const auto kind : {NoiseKind::cpu, NoiseKind::cuda, NoiseKind::mlx}) {
    CAPTURE(name(kind));
    double moments[5] = {};
    const auto draw = make_noise(kind, 77)->next({1, 4, 128, 128});
    for (const double v : draw)
      for (int k = 1; k <= 4; ++k) moments[k] += std::pow(v, k) / draw.size();
    CHECK(std::abs(moments[1]) < 0.012);
    CHECK(moments[2] == doctest::Approx(1).epsilon(0.02));
    CHECK(std::abs(moments[3]) < 0.04);
    CHECK(moments[4] == doctest::Approx(3).epsilon(0.05));
  }
}

TEST_CASE("torch's CPU numbers for 10 seeds: any shape, and one draw after another") {
  check_start(NoiseKind::cpu, 0, 4, {1.5410f, -.2934f, -2.1788f, .5684f});
  check_start(NoiseKind::cpu, 0, 16, {-1.1258f, -1.1524f, -.2506f, -.4339f});
  check_start(NoiseKind::cpu, 42, 32, {1.9269f, 1.4873f, .9007f, -2.1055f, .6784f, -1.2345f, -.0431f, -1.6047f});
  check_start(NoiseKind::cpu, 42, 20, {1.9269f, 1.4873f, .9007f, -2.1055f, -.7581f, 1.0783f});
  // Only the low 32 bits of a seed count.
  CHECK(make_noise(NoiseKind::cpu, 7)->next({50}) == make_noise(NoiseKind::cpu, (1ull << 32) + 7)->next({50}));
}

TEST_CASE("torch's CUDA numbers are Philox's, whichever of 64 bits the seed has") {
  check_start(NoiseKind::cuda, 0, 4, {-.9247f, -.4253f, -2.6438f, .1452f});
  check_start(NoiseKind::cuda, 42, 4, {.1940f, 2.1614f, -.1721f, .8491f});
  CHECK(make_noise(NoiseKind::cuda, 7)->next({50}) != make_noise(NoiseKind::cuda, (1ull << 32) + 7)->next({50}));
}

TEST_CASE("every stored draw of torch is met to 1e-6") {
  check_file("noise.safetensors", 120);
}

TEST_CASE("every stored draw of MLX is met to 1e-6") {
  check_file("noise_mlx.safetensors", 60);
}

TEST_CASE("beyond the GPU's grid the further values of each thread are used") {
  const auto goldens = load_goldens("noise.safetensors");
  const auto stream = make_noise(NoiseKind::cuda, 42);
  const auto draw = stream->next({1, 4, 512, 512});
  check_draw(draw, goldens.at("cuda/42/beyond/first"));
  check_draw(stream->next({1, 4, 8, 8}), goldens.at("cuda/42/beyond/next"));
}

TEST_CASE("latent noise is drawn channel by channel, as torch's NCHW, and laid out as NHWC") {
  const auto drawn = make_noise(NoiseKind::cpu, 3)->next({1, 4, 6, 5});
  const auto stream = make_noise(NoiseKind::cpu, 3);
  const auto latent = latent_noise(*stream, 4, 6, 5);
  REQUIRE(latent.shape() == mx::Shape{1, 6, 5, 4});
  const auto ours = values<float>(latent);
  for (int c = 0; c < 4; ++c)
    for (int y = 0; y < 6; ++y)
      for (int x = 0; x < 5; ++x) CHECK(ours[(y * 5 + x) * 4 + c] == drawn[(c * 6 + y) * 5 + x]);
}

}  // namespace
}  // namespace corepulse::sampler
