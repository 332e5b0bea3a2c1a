#include "nn/resnet_block.h"

#include "nn/settle.h"

namespace corepulse::nn {

Time::Time(mx::array embedding, const kernels::JoinedLinear& all) : embedding_(std::move(embedding)) {
  if (!kernels::on_cuda()) return;
  const auto rows = all(embedding_);
  for (size_t i = 0; i < rows.size(); ++i) rows_.emplace(all.parts()[i].id(), rows[i]);
}

mx::array Time::projected(const kernels::Linear& time_emb_proj) const {
  const auto row = rows_.find(time_emb_proj.id());
  return row != rows_.end() ? row->second : time_emb_proj(embedding_);
}

ResnetBlock::ResnetBlock(const Weights& w, int in, int out, int groups, float eps, int time_width)
    : norm1(w / "norm1", in, groups, eps),
      conv1(w / "conv1", in, out, 3),
      norm2(w / "norm2", out, groups, eps),
      conv2(w / "conv2", out, out, 3) {
  if (time_width) time_emb_proj.emplace(w / "time_emb_proj", time_width, out);
  if (in != out) conv_shortcut.emplace(w / "conv_shortcut", in, out);
}

mx::array ResnetBlock::operator()(const mx::array& x, const Time* time, const std::optional<mx::array>& skip) const {
  // Only own kernels read two arrays as one: others would each concatenate them. And where the channels stay as they
  // are, their concatenation itself is what is added.
  if (skip && !((kernels::use_cpu_kernels(x) || kernels::on_cuda()) && conv_shortcut))
    return (*this)(mx::concatenate({x, *skip}, 3), time);
  const auto embedding = time_emb_proj ? std::optional(time->projected(*time_emb_proj)) : std::nullopt;
  auto h = conv1.unfinished(norm1.silu(x, {}, skip), embedding);
  h.picture = settle(h.picture);
  const auto residual = skip ? conv_shortcut->joined(x, *skip) : conv_shortcut ? (*conv_shortcut)(x) : x;
  return settle(conv2(norm2.silu(h.picture, h.left), {.picture = residual}));
}

}  // namespace corepulse::nn
