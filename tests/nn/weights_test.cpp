// Every tensor of a file is taken exactly once, in its right shape, or it is an error that names
// it.
#include "nn/weights.h"

#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>

#include "corepulse/error.h"

#include "mlx/allocator.h"

#include "io/tensors/safetensors.h"
#include "nn/layers.h"
#include "nn/stored.h"
#include "support/golden.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

io::TensorView view(std::vector<int64_t> shape, const std::vector<float>& numbers) {
  auto owner = std::make_shared<std::vector<float>>(numbers);
  return {io::StoredType::f32,
          std::move(shape),
          reinterpret_cast<const std::byte*>(owner->data()),
          numbers.size() * 4,
          false,
          owner};
}

std::string message(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::unsupported_model);
    return e.what();
  }
  return "no error";
}

nn::Weights weights() {
  return {{{"a.weight", view({2, 3}, {1, 2, 3, 4, 5, 6})}, {"a.bias", view({2}, {7, 8})}}, "unet", mx::float32};
}

}  // namespace

TEST_CASE("a layer takes its tensors by prefix") {
  const auto w = weights();
  CHECK(same_bits((w / "a").take("bias", {2}), mx::array({7.f, 8.f})));
  CHECK((w / "a").has("weight"));
  CHECK_FALSE(w.has("weight"));
}

TEST_CASE("a missing, misshapen or left-over tensor is named, with both shapes") {
  CHECK(message([] { (weights() / "a").take("gain", {2}); }).find("a.gain is missing") != std::string::npos);
  const auto shapes = message([] { (weights() / "a").take("bias", {3}); });
  CHECK(shapes.find("a.bias is [2]; expected [3]") != std::string::npos);
  const auto w = weights();
  (w / "a").take("weight", {2, 3});
  CHECK(message([&] { w.require_all_taken(); }).find("a.bias") != std::string::npos);
  (w / "a").take("bias", {2});
  CHECK_NOTHROW(w.require_all_taken());
}

TEST_CASE("a tensor taken twice is a defect") {
  const auto w = weights() / "a";
  w.take("bias", {2});
  CHECK_THROWS_AS(w.take("bias", {2}), Error);
}

TEST_CASE("a 1x1 convolution is a matrix, and a transposed view is turned") {
  const auto expected = mx::array({1.f, 2.f, 3.f, 4.f, 5.f, 6.f}, {2, 3});
  auto turned = view({3, 2}, {1, 4, 2, 5, 3, 6});
  turned.transposed = true;
  const nn::Weights w({{"conv", view({2, 3, 1, 1}, {1, 2, 3, 4, 5, 6})}, {"turned", turned}}, "unet", mx::float32);
  CHECK(same_bits(w.take_matrix("conv", 2, 3).get(), expected));
  CHECK(same_bits(w.take_matrix("turned", 2, 3).get(), expected));
}

TEST_CASE("convolution weights come out in MLX's order") {
  std::vector<float> oihw(2 * 3 * 2 * 2);
  for (size_t i = 0; i < oihw.size(); ++i) oihw[i] = static_cast<float>(i);
  const nn::Weights w({{"c", view({2, 3, 2, 2}, oihw)}}, "vae", mx::float32);
  const auto expected = mx::transpose(mx::array(oihw.begin(), {2, 3, 2, 2}, mx::float32), {0, 2, 3, 1});
  CHECK(same_bits(w.take_conv("c", 2, 3, 2).get(), expected));
}

TEST_CASE("matrices are rounded to bfloat16 where layers compute in it, biases and norms are not") {
  const float third = 1 / 3.0f;
  const nn::Weights w({{"weight", view({2, 1}, {third, 1 + 1 / 256.0f})}, {"bias", view({2}, {third, third})}}, "unet",
                      mx::bfloat16);
  const auto expected = mx::astype(mx::array({third, 1 + 1 / 256.0f}, {2, 1}), mx::bfloat16);
  const auto matrix = w.take_matrix("weight", 2, 1).get();
  CHECK(matrix.dtype() == mx::bfloat16);
  CHECK(same_bits(mx::astype(matrix, mx::float32), mx::astype(expected, mx::float32)));
  CHECK(same_bits(w.take_bias("bias", 2), mx::array({third, third})));
}

TEST_CASE("a matrix is read when it is needed: a file changed until then is an error, not another picture") {
  const auto file = std::filesystem::temp_directory_path() / "corepulse_weights_test.safetensors";
  const auto write = [&](float x) { io::write_safetensors(file, {{"weight", view({1, 1}, {x})}}, {}); };
  write(1);
  auto opened = io::open_safetensors(file);
  const nn::Weights w(opened.tensors, "unet", mx::float32, {opened.mapping});
  const auto matrix = w.take_matrix("weight", 1, 1);
  CHECK(matrix.get().item<float>() == 1);
  CHECK(matrix.get().item<float>() == 1);  // its page was given back and comes again
  std::filesystem::resize_file(file, 8);
  CHECK_THROWS_AS(matrix.get(), Error);
  std::filesystem::remove(file);
}

TEST_CASE("8-bit floats are read by their definition") {
  const auto one = [](io::StoredType type, uint8_t bits) {
    auto owner = std::make_shared<uint8_t>(bits);
    return nn::to_array({type, {1}, reinterpret_cast<const std::byte*>(owner.get()), 1, false, owner}, {1}, mx::float32)
        .item<float>();
  };
  using enum io::StoredType;
  CHECK(one(f8_e4m3, 0x38) == 1.f);
  CHECK(one(f8_e4m3, 0x7e) == 448.f);      // the largest
  CHECK(one(f8_e4m3, 0x01) == 1.f / 512);  // the smallest above zero
  CHECK(one(f8_e5m2, 0x3c) == 1.f);
  CHECK(one(f8_e5m2, 0xfb) == -57344.f);
  CHECK(std::isinf(one(f8_e5m2, 0x7c)));
  CHECK(std::isnan(one(f8_e4m3, 0x7f)));
}

TEST_CASE("a layer built from headers alone meets the same errors and reads no number") {
  const auto unread = [](std::vector<int64_t> shape, io::StoredType type = io::StoredType::f16) {
    return io::TensorView{type, std::move(shape), nullptr, 0, false, nullptr};
  };
  const auto layer = [](const nn::Weights& w) { return nn::Linear(w / "a", 3, 2); };
  const auto w = nn::Weights::header({{"a.weight", unread({2, 3})}, {"a.bias", unread({2})}}, "unet");
  CHECK(layer(w).out() == 2);
  nn::LayerNorm(nn::Weights::header({{"weight", unread({4})}, {"bias", unread({4})}}, "unet"), 4);
  CHECK_NOTHROW(w.require_all_taken());
  const auto refused = [&](io::Tensors tensors) {
    tensors["a.bias"] = unread({2});
    return message([&] { layer(nn::Weights::header(std::move(tensors), "unet")).out(); });
  };
  CHECK(refused({}).find("a.weight is missing") != std::string::npos);
  CHECK(refused({{"a.weight", unread({2, 4})}}).find("[2, 4]; expected [2, 3]") != std::string::npos);
  const auto type = refused({{"a.weight", unread({2, 3}, io::StoredType::i8)}});
  CHECK(type.find("a.weight is stored as I8") != std::string::npos);
}

TEST_CASE("weights stored as integers are refused") {
  auto owner = std::make_shared<int32_t>(1);
  const io::TensorView v{io::StoredType::i32, {1}, reinterpret_cast<const std::byte*>(owner.get()), 4, false, owner};
  CHECK(message([&] { nn::to_array(v, {1}, mx::float32); }).find("integers") != std::string::npos);
}

TEST_CASE("what is added to a tensor is added in float32, in the file's order, before it is converted or turned") {
  const auto tens = [](const mx::array& x) {
    auto y = mx::array(mx::allocator::malloc(x.nbytes()), x.shape(), mx::float32);
    for (size_t i = 0; i < x.size(); ++i) y.data<float>()[i] = 10 * x.data<float>()[i];
    return y;
  };
  io::Tensors tensors{{"a.weight", view({2, 3}, {1, 2, 3, 4, 5, 6})},
                      {"turned", view({3, 2}, {1, 4, 2, 5, 3, 6})},
                      {"conv", view({2, 1, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7})},
                      {"a.bias", view({2}, {7, 8})},
                      {"plain", view({2}, {7, 8})}};
  tensors.at("turned").transposed = true;
  const nn::Additions additions{{"a.weight", tens}, {"turned", tens}, {"conv", tens}, {"a.bias", tens}};
  const nn::Weights w(tensors, "unet", mx::float32, {}, false, std::make_shared<nn::Made>(), additions);
  const auto expected = mx::array({11.f, 22.f, 33.f, 44.f, 55.f, 66.f}, {2, 3});
  CHECK(same_bits(w.take_matrix("a.weight", 2, 3).get(), expected));
  CHECK(same_bits(w.take_matrix("turned", 2, 3).get(), expected));
  CHECK(same_bits(w.take_conv("conv", 2, 1, 2).get(),
                  mx::array({0.f, 11.f, 22.f, 33.f, 44.f, 55.f, 66.f, 77.f}, {2, 2, 2, 1})));
  CHECK(same_bits(w.take("a.bias", {2}), mx::array({77.f, 88.f})));
  CHECK(same_bits(w.take("plain", {2}), mx::array({7.f, 8.f})));
  const nn::Weights narrow(tensors, "unet", mx::bfloat16, {}, false, std::make_shared<nn::Made>(), additions);
  CHECK(same_bits(narrow.take_matrix("a.weight", 2, 3).get(), mx::astype(expected, mx::bfloat16)));
  const nn::Weights other(tensors, "unet", mx::float32, {}, false, std::make_shared<nn::Made>(), {{"b.weight", tens}});
  CHECK_THROWS_AS(other.require_all_taken(), Error);
}

TEST_CASE("layers that are never read keep nothing of their network in memory") {
  const auto made = std::make_shared<nn::Made>();
  const auto stored = view({2, 3}, {1, 2, 3, 4, 5, 6});
  {
    const nn::Weights weights({{"a.weight", stored}}, "unet", mx::float32, {}, false, made);
    (weights / "a").linear(2, 3, false);
  }
  CHECK(made.use_count() == 1);
}

TEST_CASE("networks of the same tensors share the layers that nothing is added to") {
  const auto none = [](const mx::array& x) { return x; };
  const auto made = std::make_shared<nn::Made>();
  const auto network = [&](const nn::Additions& additions) {
    const io::Tensors tensors{{"a.weight", view({2, 3}, {1, 2, 3, 4, 5, 6})}, {"a.bias", view({2}, {7, 8})}};
    return nn::Weights(tensors, "unet", mx::float32, {}, false, made, additions) / "a";
  };
  const auto plain = network({}).linear(2, 3, true);
  CHECK(network({}).linear(2, 3, true).id() == plain.id());
  CHECK(network({{"a.bias", none}}).linear(2, 3, true).id() != plain.id());
  CHECK(network({{"a.weight", none}}).linear(2, 3, true).id() != plain.id());
  CHECK(network({}).linear(2, 3, true).id() == plain.id());
}
