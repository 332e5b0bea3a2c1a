// A resnet block reads a picture and a skip beside it as one picture.
#include "nn/resnet_block.h"

#include <array>
#include <doctest/doctest.h>

#include "kernels/numbers.h"

using namespace corepulse;

namespace {

/** Tensors of a block in -> out by name, drawn at random. */
io::Tensors tensors(int in, int out) {
  io::Tensors all;
  const auto put = [&](const std::string& name, std::vector<int64_t> shape) {
    int size = 1;
    for (const auto n : shape) size *= static_cast<int>(n);
    auto numbers = std::make_shared<std::vector<float>>(floats(normal({size}, 1, 0.3f)));
    const auto* const bytes = reinterpret_cast<const std::byte*>(numbers->data());
    all.emplace(name,
                io::TensorView{io::StoredType::f32, std::move(shape), bytes, numbers->size() * 4, false, numbers});
  };
  const auto layer = [&](const std::string& name, std::vector<int64_t> shape) {
    put(name + ".bias", {shape[0]});
    put(name + ".weight", std::move(shape));
  };
  layer("norm1", {in}), layer("norm2", {out}), layer("time_emb_proj", {out, 8});
  layer("conv1", {out, in, 3, 3}), layer("conv2", {out, out, 3, 3});
  if (in != out) layer("conv_shortcut", {out, in, 1, 1});
  return all;
}

}  // namespace

TEST_CASE("a resnet block gives a picture and a skip the bits of their concatenation") {
  for (const auto& [width, skip_width, out] : {std::array{64, 32, 32}, {20, 16, 8}, {9, 3, 16}, {32, 32, 64}}) {
    for (const auto type : {mx::float32, mx::bfloat16}) {
      if (type == mx::bfloat16 && !kernels::has_bf16()) continue;
      CAPTURE(width);
      CAPTURE(out);
      const int in = width + skip_width;
      const nn::Weights weights(tensors(in, out), "unet", type);
      std::vector<nn::Linear> projections;
      const nn::ResnetBlock block(weights, in, out, 4, 1e-5f, nn::TimeInput{8, projections});
      const auto x = mx::astype(normal({2, 7, 6, width}, 2), type),
                 skip = mx::astype(normal({2, 7, 6, skip_width}, 3), type);
      const auto embedding = mx::astype(normal({2, 8}, 4), type);
      const nn::TimeRows time{embedding, {projections.at(0)(embedding)}};
      const auto joined = mx::astype(block({x, skip}, &time), mx::float32);
      CHECK(same(joined, mx::astype(block(mx::concatenate({x, skip}, 3), &time), mx::float32)));
    }
  }
}
