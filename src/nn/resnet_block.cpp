#include "nn/resnet_block.h"

namespace corepulse::nn {

ResnetBlock::ResnetBlock(const Weights& w, int in, int out, int groups, float eps, std::optional<TimeInput> time)
    : norm1(w / "norm1", in, groups, eps),
      conv1(w / "conv1", in, out, 3),
      norm2(w / "norm2", out, groups, eps),
      conv2(w / "conv2", out, out, 3) {
  if (in != out) conv_shortcut.emplace(w / "conv_shortcut", in, out);
  if (!time) return;
  time_row_ = time->projections.size();
  const Linear time_emb_proj(w / "time_emb_proj", time->width, out);
  time_path_ = time_emb_proj.path;
  time->projections.push_back(time_emb_proj);
}

mx::array ResnetBlock::operator()(const kernels::Beside& x, const TimeRows* time, const Branches* beside,
                                  const Seen& seen) const {
  auto h = conv1(norm1.silu(x, beside), beside);
  if (time_row_) {
    const auto& row = time->rows.at(*time_row_);
    const bool more = beside && !time->changed;
    h = more ? beside->row(time_path_, time->embedding, row, h, x.x().shape(1), x.x().shape(2)) : h + kernels::Row{row};
  }
  const auto last = norm2.silu(h, beside);
  const mx::array out = conv2(last, beside) + (conv_shortcut ? (*conv_shortcut)(x, beside) : x.whole());
  if (!seen) return out;
  // Seen apart: what is added as a convolution is stored has other bits than what is added to it later.
  const auto change = seen(conv2(last, beside));
  return change ? mx::astype(mx::astype(out, mx::float32) + *change, out.dtype()) : out;
}

}  // namespace corepulse::nn
