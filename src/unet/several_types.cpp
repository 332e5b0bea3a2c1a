#include "unet/several_types.h"

#include <cmath>

#include "mlx/ops.h"

#include "unet/moment.h"

namespace corepulse::unet {
namespace {

constexpr int kHeads = 8;

}  // namespace

WordBlock::WordBlock(const nn::Weights& w, int channels)
    : ln_1(w / "ln_1", channels),
      ln_2(w / "ln_2", channels),
      in_proj(w / "attn" / "in_proj", channels, 3 * channels),
      out_proj(w / "attn" / "out_proj", channels, channels),
      c_fc(w / "mlp" / "c_fc", channels, 4 * channels),
      c_proj(w / "mlp" / "c_proj", 4 * channels, channels) {}

mx::array WordBlock::operator()(mx::array x) const {
  const auto qkv = mx::split(in_proj(ln_1(x)).array(), 3, -1);
  const float scale = 1 / std::sqrt(static_cast<float>(x.shape(2)) / kHeads);
  const auto part = [&](int i) { return mx::contiguous(qkv[static_cast<size_t>(i)]); };
  const auto seen = kernels::attention(part(0), part(1), part(2), {.heads = kHeads, .scale = scale, .bias = {}});
  x = x + out_proj(seen).array();
  return x + c_proj(kernels::quick_gelu(c_fc(ln_2(x)))).array();
}

SeveralTypes::SeveralTypes(const nn::Weights& w, const Config& trunk, int types, int type_width)
    : types_(types),
      type_width_(type_width),
      flip_(trunk.flip_sin_to_cos),
      shift_(trunk.freq_shift),
      control_add_embedding_(w / "control_add_embedding", types * type_width, time_width(trunk)),
      task_embedding_(w.take("task_embedding", {types, trunk.levels[0].channels})),
      spatial_ch_projs_(w / "spatial_ch_projs", trunk.levels[0].channels, trunk.levels[0].channels) {
  for (int i = 0; (w / "transformer_layes" / i / "ln_1").has("weight"); ++i)
    transformer_layes_.emplace_back(w / "transformer_layes" / i, trunk.levels[0].channels);
}

mx::array SeveralTypes::moment(int type, mx::Dtype dtype) const {
  std::vector<float> told(static_cast<size_t>(types_), 0);
  told[static_cast<size_t>(type)] = 1;
  return control_add_embedding_(mx::reshape(sinusoids(told, type_width_, flip_, shift_, dtype), {1, -1}));
}

mx::array SeveralTypes::word(int type, const mx::array& hint, const mx::array& h) const {
  const int batch = h.shape(0), channels = h.shape(3);
  const auto task = mx::slice(task_embedding_, {type, 0}, {type + 1, channels});
  const auto of_picture = mx::broadcast_to(mx::mean(hint, {1, 2}) + task, {batch, channels});
  auto words = mx::stack({of_picture, mx::mean(h, {1, 2})}, 1);
  for (const auto& block : transformer_layes_) words = block(words);
  const auto first = mx::contiguous(mx::slice(words, {0, 0, 0}, {batch, 1, channels}));
  return mx::reshape(spatial_ch_projs_(first).array(), {batch, 1, 1, channels});
}

}  // namespace corepulse::unet
