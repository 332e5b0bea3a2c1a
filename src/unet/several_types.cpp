#include "unet/several_types.h"

#include "mlx/ops.h"

#include "unet/moment.h"

namespace corepulse::unet {

SeveralTypes::WordBlock::WordBlock(const nn::Weights& w, int channels)
    : ln_1(w / "ln_1", channels),
      ln_2(w / "ln_2", channels),
      in_proj(w / "attn" / "in_proj", channels, 3 * channels),
      out_proj(w / "attn" / "out_proj", channels, channels),
      c_fc(w / "mlp" / "c_fc", channels, 4 * channels),
      c_proj(w / "mlp" / "c_proj", 4 * channels, channels) {}

mx::array SeveralTypes::WordBlock::operator()(mx::array x) const {
  const int channels = x.shape(1);
  const auto all = in_proj(ln_1(x)).array();  // queries, keys, values
  x = x + out_proj(mx::contiguous(mx::slice(all, {0, 2 * channels}, {1, 3 * channels}))).array();
  return x + c_proj(kernels::quick_gelu(c_fc(ln_2(x)))).array();
}

SeveralTypes::SeveralTypes(const nn::Weights& w, const Config& trunk, int types, int type_width)
    : types_(types),
      type_width_(type_width),
      channels_(trunk.levels[0].channels),
      flip_(trunk.flip_sin_to_cos),
      shift_(trunk.freq_shift),
      dtype_(w.dtype()),
      control_add_embedding_(w / "control_add_embedding", types * type_width, time_width(trunk)),
      task_embedding_(w.take("task_embedding", {types, channels_})),
      spatial_ch_projs_(w / "spatial_ch_projs", channels_, channels_) {
  for (int i = 0; (w / "transformer_layes" / i / "ln_1").has("weight"); ++i)
    transformer_layes_.emplace_back(w / "transformer_layes" / i, channels_);
}

mx::array SeveralTypes::moment(int type) const {
  std::vector<float> told(static_cast<size_t>(types_), 0);
  told[static_cast<size_t>(type)] = 1;
  return control_add_embedding_(mx::reshape(sinusoids(told, type_width_, flip_, shift_, dtype_), {1, -1}));
}

mx::array SeveralTypes::word(int type, const mx::array& picture) const {
  auto x = mx::mean(picture, {1, 2}) + mx::slice(task_embedding_, {type, 0}, {type + 1, channels_});
  for (const auto& block : transformer_layes_) x = block(x);
  return mx::reshape(spatial_ch_projs_(x).array(), {1, 1, 1, channels_});
}

}  // namespace corepulse::unet
