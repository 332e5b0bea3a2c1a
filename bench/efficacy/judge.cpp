#include "judge.h"

#include <algorithm>

#include "mlx/transforms.h"

#include "base/fail.h"
#include "engine/engine.h"
#include "io/tensors/safetensors.h"
#include "nn/layers.h"

namespace corepulse::efficacy {

namespace {

using engine::Engine;

constexpr int kGroups = 16, kPixels = 256, kBackgrounds = 25, kTints = 11, kStyles = 5, kEffects = 5, kInk = 4;
constexpr float kEps = 1e-5f;

struct Residual {
  Residual(const nn::Weights& w, int channels)
      : norm1(w / "norm1", channels, kGroups, kEps),
        norm2(w / "norm2", channels, kGroups, kEps),
        conv1(w / "conv1", channels, channels, 3),
        conv2(w / "conv2", channels, channels, 3) {}
  mx::array operator()(const mx::array& x) const { return x + conv2(norm2.silu(conv1(norm1.silu(x)))); }
  nn::GroupNorm norm1, norm2;
  nn::Conv2d conv1, conv2;
};

/** Residuals one after the other. */
struct Level {
  Level(const nn::Weights& w, int channels, int depth) {
    for (int i = 0; i < depth; ++i) residuals.emplace_back(w / i, channels);
  }
  mx::array operator()(mx::array x) const {
    for (const auto& residual : residuals) x = residual(x);
    return x;
  }
  std::vector<Residual> residuals;
};

/** A k x k convolution that also makes the picture k times smaller. */
nn::Conv2d shrink(const nn::Weights& w, int in, int out, int k) {
  return {w, in, out, k, k, kernels::Padding::same(0)};
}

mx::array to_array(const std::vector<Image>& pictures) {  // [B, 256, 256, 3] in -1..1
  std::vector<float> numbers;
  for (const auto& picture : pictures) {
    if (picture.width != kPixels || picture.height != kPixels)
      fail(ErrorCode::invalid_request, "judge", "a picture has another size; the judge reads 256x256");
    for (const auto value : picture.pixels) numbers.push_back(value / 127.5f - 1);
  }
  return mx::array(numbers.begin(), {int(pictures.size()), kPixels, kPixels, 3}, mx::float32);
}

std::vector<int> largest(const mx::array& logits) {
  const auto index = mx::contiguous(mx::astype(mx::argmax(logits, -1), mx::int32));
  mx::eval(index);
  return {index.data<int32_t>(), index.data<int32_t>() + index.size()};
}

Look look_of(int style, int effect) {
  return effect == 0 && style == kInk ? Look::ink : Look(effect);
}

}  // namespace

struct Judge::Network {
  explicit Network(const nn::Weights& w)
      : stem(shrink(w / "stem", 3, 48, 4)),
        down0(shrink(w / "down0", 48, 96, 2)),
        down1(shrink(w / "down1", 96, 192, 2)),
        down2(shrink(w / "down2", 192, 256, 2)),
        up(w / "up", 256, 192, 1),
        cell(w / "cell", 192, kObjects + 1, 1),
        tint(w / "tint", 192, kTints, 1),
        level0(w / "level0", 48, 2),
        level1(w / "level1", 96, 2),
        level2(w / "level2", 192, 3),
        level3(w / "level3", 256, 2),
        merge(w / "merge", 192),
        norm(w / "norm", 192, kGroups, kEps),
        scene(w / "scene", 256, kBackgrounds),
        style(w / "style", 256, kStyles),
        effect(w / "effect", 256, kEffects) {
    w.require_all_taken();
  }

  std::vector<Answer> operator()(const std::vector<Image>& pictures) const {
    const auto fine = level2(down1(level1(down0(level0(stem(to_array(pictures)))))));
    const auto coarse = level3(down2(fine));
    const auto wide = mx::repeat(mx::repeat(up(coarse), 2, 1), 2, 2);
    const auto here = norm.silu(merge(fine + wide)), whole = mx::mean(coarse, std::vector<int>{1, 2});
    const auto cells = largest(cell(here)), tints = largest(tint(here));
    const auto scenes = largest(scene(whole)), styles = largest(style(whole)), effects = largest(effect(whole));
    std::vector<Answer> answers(pictures.size());
    for (size_t i = 0; i < answers.size(); ++i) {
      std::copy_n(&cells[i * kCells * kCells], kCells * kCells, answers[i].cell.begin());
      std::copy_n(&tints[i * kCells * kCells], kCells * kCells, answers[i].tint.begin());
      answers[i].scene = scenes[i];
      answers[i].look = look_of(styles[i], effects[i]);
    }
    return answers;
  }

  nn::Conv2d stem, down0, down1, down2, up, cell, tint;
  Level level0, level1, level2, level3;
  Residual merge;
  nn::GroupNorm norm;
  nn::Linear scene, style, effect;
};

Judge::Judge(const std::filesystem::path& weights) {
  network_ = Engine::instance().run([&] {
    const auto file = io::open_safetensors(weights);
    return std::make_shared<const Network>(nn::Weights(file.tensors, "judge", mx::float32));
  });
}

std::vector<Answer> Judge::operator()(const std::vector<Image>& pictures) const {
  return Engine::instance().run([&] { return (*network_)(pictures); });
}

}  // namespace corepulse::efficacy
