#include "unet/transformer.h"

namespace corepulse::unet {

FeedForward::FeedForward(const nn::Weights& w, int channels)
    : net_0_proj(w / "net" / 0 / "proj", channels, 8 * channels), net_2(w / "net" / 2, 4 * channels, channels) {}

kernels::Sum FeedForward::operator()(const mx::array& x, const Pass& pass) const {
  if (!pass.beside) return kernels::gated_linear_later(x, net_0_proj, net_2);
  return pass.beside->gated_linear(net_0_proj.path, net_0_proj, net_2.path, net_2, x);
}

TransformerBlock::TransformerBlock(const nn::Weights& w, const control::Site& self, const control::Site& cross,
                                   int channels, int context_width)
    : norm1(w / "norm1", channels),
      attn1(w / "attn1", self, channels, context_width),
      norm2(w / "norm2", channels),
      attn2(w / "attn2", cross, channels, context_width),
      ff(w / "ff", channels),
      norm3(w / "norm3", channels, ff.net_2) {}

mx::array TransformerBlock::operator()(kernels::Sum x, const Pass& pass) const {
  x = x + attn1(norm1(x, pass.beside), pass);  // the picture looks at itself
  x = x + attn2(norm2(x, pass.beside), pass);  // the picture reads the text
  return x + ff(norm3(x, pass.beside), pass);
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
  const mx::Shape sequence{batch, height * width, channels};
  mx::array h = proj_in(mx::reshape(norm(x, pass.beside), sequence), pass.beside);
  for (const auto& block : transformer_blocks) h = block(h, pass);
  return mx::reshape(mx::reshape(x, sequence) + proj_out(h, pass.beside), x.shape());
}

}  // namespace corepulse::unet
