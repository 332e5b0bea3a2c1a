#include "unet/transformer.h"

#include "nn/settle.h"

namespace corepulse::unet {

FeedForward::FeedForward(const nn::Weights& w, int channels)
    : net_0_proj(w / "net" / 0 / "proj", channels, 8 * channels), net_2(w / "net" / 2, 4 * channels, channels) {}

TransformerBlock::TransformerBlock(const nn::Weights& w, const control::Site& self, const control::Site& cross,
                                   int channels, int context_width)
    : norm1(w / "norm1", channels),
      attn1(w / "attn1", self, channels, context_width),
      norm2(w / "norm2", channels),
      attn2(w / "attn2", cross, channels, context_width),
      norm3(w / "norm3", channels),
      ff(w / "ff", channels) {}

mx::array TransformerBlock::operator()(const mx::array& x, const Pass& pass) const {
  const auto looked = norm2.after(attn1.to_out, attn1.heads(norm1(x), pass), x);  // the picture looks at itself
  const auto read = norm3.after(attn2.to_out, attn2.heads(looked.norm, pass), looked.sum,
                                ff.net_2.early_bias());  // the picture reads the text
  return nn::settle(ff(read.norm, read.sum));
}

Transformer2D::Transformer2D(const nn::Weights& w, const Config& config, int channels,
                             const std::vector<control::Site>& sites)
    : norm(w / "norm", channels, config.norm_groups, 1e-6f),
      proj_in(w / "proj_in", channels, channels),
      proj_out(w / "proj_out", channels, channels) {
  transformer_blocks.reserve(sites.size() / 2);
  for (size_t d = 0; d * 2 < sites.size(); ++d)
    transformer_blocks.emplace_back(w / "transformer_blocks" / static_cast<int>(d), sites[2 * d], sites[2 * d + 1],
                                    channels, config.context_width);
}

mx::array Transformer2D::operator()(const mx::array& x, const Pass& pass) const {
  const int batch = x.shape(0), height = x.shape(1), width = x.shape(2), channels = x.shape(3);
  auto h = proj_in(mx::reshape(norm(x), {batch, height * width, channels}));  // [B, H*W, C]
  for (const auto& block : transformer_blocks) h = block(h, pass);
  return mx::reshape(proj_out(h, mx::reshape(x, h.shape())), x.shape());
}

}  // namespace corepulse::unet
