// What stands beside a layer's weights is added where its share says, times it, and nowhere else.
#include <doctest/doctest.h>

#include "kernels/numbers.h"
#include "nn/layers.h"

using namespace corepulse;

namespace {

constexpr int kIn = 12, kOut = 16, kRank = 3, kHeight = 6, kWidth = 4;

io::TensorView view(const mx::array& x) {
  auto numbers = std::make_shared<std::vector<float>>(floats(x));
  const auto* const bytes = reinterpret_cast<const std::byte*>(numbers->data());
  return {io::StoredType::f32, {x.shape().begin(), x.shape().end()}, bytes, numbers->size() * 4, false, numbers};
}

/** A layer "net.layer" of these numbers. */
nn::Weights weights(const mx::array& weight, const mx::array& bias) {
  return nn::Weights({{"net.layer.weight", view(weight)}, {"net.layer.bias", view(bias)}}, "unet", mx::float32) /
         "net" / "layer";
}

/** Of a layer that makes so many pixels. */
nn::Branches branches(const nn::BranchNumbers& numbers, int pixels, const mx::array& share) {
  auto layers = std::make_shared<nn::LayerBranches>();
  layers->emplace("net.layer", std::make_shared<nn::LayerBranch>([numbers] { return numbers; }));
  return nn::Branches({{7, mx::array({0.5f}), {{pixels, share}}, std::move(layers)}});
}

/** All, half or nothing of it at the pixels in turn. */
nn::Branches branches(const nn::BranchNumbers& numbers, int pixels = kHeight * kWidth) {
  std::vector<float> share(static_cast<size_t>(pixels));
  for (int i = 0; i < pixels; ++i) share[static_cast<size_t>(i)] = static_cast<float>(i % 3) / 2;
  return branches(numbers, pixels, mx::array(share.begin(), {pixels}, mx::float32));
}

/** y [1, ..., C] with share [pixels] of what other weights make, to compare with. */
void check(const mx::array& beside, const mx::array& plain, const mx::array& merged) {
  const int channels = plain.shape(-1);
  const auto a = floats(beside), b = floats(plain), c = floats(merged);
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    const auto pixel = static_cast<int>(i) / channels;
    if (pixel % 3 == 0) CHECK(a[i] == b[i]);
    CHECK(a[i] == doctest::Approx(b[i] + static_cast<float>(pixel % 3) / 2 * (c[i] - b[i])).epsilon(1e-4));
  }
}

}  // namespace

TEST_CASE("a linear layer's branch is what merged weights would add, pixel by pixel") {
  const auto weight = normal({kOut, kIn}, 1, 0.3f), bias = normal({kOut}, 2);
  const auto down = normal({kRank, kIn}, 3), up = normal({kOut, kRank}, 4, 0.3f), more = normal({kOut}, 5);
  const nn::Linear plain(weights(weight, bias), kIn, kOut);
  const nn::Linear merged(weights(weight + mx::matmul(up, down), bias + more), kIn, kOut);
  const auto x = normal({1, kHeight * kWidth, kIn}, 6);
  for (const auto& numbers : {nn::BranchNumbers{down, up, more}, {mx::matmul(up, down), std::nullopt, more}}) {
    const auto beside = branches(numbers);
    CHECK(plain.path == "net.layer");
    check(plain(x, &beside), plain(x), merged(x));
    const auto residual = normal({1, kHeight * kWidth, kOut}, 7);
    check((plain(x, &beside) + residual).array(), (plain(x) + residual).array(), (merged(x) + residual).array());
    const auto whole = beside.whole("net.layer", x, plain(x), {7});
    CHECK(error(whole, (plain(x).array() + merged(x).array()) * mx::array(0.5f)) <= 1e-4);
    CHECK(same(beside.whole("net.layer", x, plain(x), {6}), plain(x)));
  }
}

TEST_CASE("what is added to a row is added to every pixel alike, or by its share") {
  const auto weight = normal({kOut, kIn}, 1, 0.3f), bias = normal({kOut}, 2);
  const nn::BranchNumbers numbers{normal({kRank, kIn}, 3), normal({kOut, kRank}, 4, 0.3f), normal({kOut}, 5)};
  const auto x = normal({1, kIn}, 6), y = normal({1, kHeight, kWidth, kOut}, 7);
  const auto own = nn::Linear(weights(weight, bias), kIn, kOut)(x).array();
  const auto changed = weight + mx::matmul(*numbers.up, *numbers.first);
  const auto merged = nn::Linear(weights(changed, bias + *numbers.bias), kIn, kOut)(x).array();
  const auto with = [&](const mx::array& row) { return (kernels::Sum(y) + kernels::Row{row}).array(); };
  const auto row = [&](const nn::Branches& beside, int height) {
    return beside.row("net.layer", x, own, y, height, kWidth).array();
  };
  check(row(branches(numbers), kHeight), with(own), with(merged));
  CHECK(same(row(branches(numbers), 2 * kHeight), with(own)));
  const auto alike = branches(numbers, kHeight * kWidth, mx::array({0.25f}));
  CHECK(error(row(alike, kHeight), with(own * mx::array(0.75f) + merged * mx::array(0.25f))) <= 1e-5);
  const auto nothing = branches(numbers, kHeight * kWidth, mx::array({0.f}));
  CHECK(same(row(nothing, kHeight), with(own)));
}

TEST_CASE("strengths and shares are numbers that a call can be given anew; what they stand for is the branches' form") {
  const auto weight = normal({kOut, kIn}, 1, 0.3f), bias = normal({kOut}, 2);
  const nn::BranchNumbers numbers{normal({kRank, kIn}, 3), normal({kOut, kRank}, 4, 0.3f), std::nullopt};
  const nn::Linear plain(weights(weight, bias), kIn, kOut);
  const auto x = normal({1, kHeight * kWidth, kIn}, 6);
  const auto beside = branches(numbers);
  auto given = beside.numbers();
  REQUIRE(given.size() == 2);
  CHECK(same(beside.with(given).whole("net.layer", x, plain, {7}), beside.whole("net.layer", x, plain, {7})));
  const auto again = beside.with(given);
  CHECK(same(plain(x, &again), plain(x, &beside)));
  for (auto& number : given) number = mx::zeros_like(number);
  const auto without = beside.with(given);
  CHECK(same(plain(x, &without), plain(x)));
  CHECK(same(without.whole("net.layer", x, plain, {7}), plain(x)));
  CHECK(beside.same_form(without));
  CHECK_FALSE(beside.same_form(branches(numbers)));  // read once more: other arrays
  CHECK_FALSE(beside.same_form(branches(numbers, kWidth)));
  CHECK_FALSE(beside.same_form(nn::Branches({})));
}

TEST_CASE("branches of layers of the same input are one where all pixels have them, and nothing else stands there") {
  constexpr int kPixels = 10;
  const auto x = normal({2, kPixels, kIn}, 1);
  const auto w = normal({kOut, kIn}, 2);
  const std::vector<std::string> names{"q", "k"};
  const auto layers_of = [&](const std::optional<mx::array>& bias) {
    auto layers = std::make_shared<nn::LayerBranches>();
    for (const auto& name : names) {
      const auto down = normal({kRank, kIn}, 3), up = normal({kOut, kRank}, name == "q" ? 4 : 5);
      layers->emplace(name, std::make_shared<nn::LayerBranch>([=] { return nn::BranchNumbers{down, up, bias}; }));
    }
    return layers;
  };
  const auto joined = [&](const mx::array& share, const std::shared_ptr<nn::LayerBranches>& layers, int id) {
    const kernels::Linear q(w, std::nullopt), k(w, std::nullopt);
    const nn::Branches branches({{7, mx::array({0.5f}), {{kPixels, share}}, layers}});
    return branches.joined(names, x, kernels::JoinedLinear({q, k}), {id});
  };
  const auto half = mx::array({0.5f});
  const auto made = joined(half, layers_of({}), 7);
  REQUIRE(made);
  for (size_t i = 0; i < 2; ++i) {
    const auto sum = w + half * mx::matmul(normal({kOut, kRank}, i ? 5 : 4), normal({kRank, kIn}, 3));
    CHECK(error(made->at(i), mx::matmul(x, mx::transpose(sum))) <= 1e-5);
  }
  const auto rows = [&](const mx::array& share) {
    const kernels::Linear q(w, std::nullopt), k(w, std::nullopt);
    const nn::Branches branches({{7, half, {{kPixels, half}, {4 * kPixels, share}}, layers_of({})}});
    return branches.joined(names, mx::slice(x, {0, 0, 0}, {2, 1, kIn}), kernels::JoinedLinear({q, k}));
  };
  const auto rows_made = rows(half);
  REQUIRE(rows_made);
  CHECK(error(rows_made->at(1), mx::slice(made->at(1), {0, 0, 0}, {2, 1, kOut})) <= 1e-5);
  CHECK_FALSE(rows(mx::full({4 * kPixels}, 0.5f)));
  CHECK_FALSE(joined(mx::full({kPixels}, 0.5f), layers_of({}), 7));
  CHECK_FALSE(joined(half, layers_of({}), 6));
  CHECK_FALSE(joined(half, layers_of(normal({kOut}, 8)), 7));
}

TEST_CASE("a convolution's branch goes over the picture as it does, and a norm's is linear in its numbers") {
  const auto weight = normal({kOut, kIn, 3, 3}, 1, 0.2f), bias = normal({kOut}, 2);
  const auto down = normal({kRank, kIn, 3, 3}, 3, 0.3f), up = normal({kOut, kRank}, 4, 0.3f);
  const auto sum = mx::reshape(mx::matmul(up, mx::reshape(down, {kRank, -1})), weight.shape());
  for (const int stride : {1, 2}) {
    const nn::Conv2d plain(weights(weight, bias), kIn, kOut, 3, stride);
    const nn::Conv2d merged(weights(weight + sum, bias), kIn, kOut, 3, stride);
    const auto x = normal({1, kHeight * stride, kWidth * stride, kIn}, 6);
    const auto beside = branches({down, up, std::nullopt});
    check(plain(x, &beside), plain(x), merged(x));
    if (stride == 2) continue;
    const auto large = branches({down, up, std::nullopt}, 4 * kHeight * kWidth);
    check(plain.upsampled(x, 2 * kHeight, 2 * kWidth, &large), plain.upsampled(x, 2 * kHeight, 2 * kWidth),
          merged.upsampled(x, 2 * kHeight, 2 * kWidth));
  }
  const auto scale = normal({kOut}, 8), more = normal({kOut}, 9);
  const nn::GroupNorm plain(weights(scale, bias), kOut, 4, 1e-5f), merged(weights(scale + more, bias), kOut, 4, 1e-5f);
  const auto x = normal({1, kHeight, kWidth, kOut}, 10);
  const auto beside = branches({more, std::nullopt, std::nullopt});
  check(plain(x, &beside), plain(x), merged(x));
}
