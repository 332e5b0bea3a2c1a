#include "full_size.h"

#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace corepulse::test {
namespace {

/** Adds layers to a table of shapes, below a prefix. */
class Writer {
 public:
  Writer(Shapes& shapes, std::string prefix) : shapes_(shapes), prefix_(std::move(prefix)) {}
  Writer at(const std::string& child) const { return {shapes_, prefix_ + child + "."}; }

  void tensor(const std::string& name, std::vector<int64_t> shape) const { shapes_[prefix_ + name] = std::move(shape); }
  void norm(const std::string& name, int64_t width) const { linear_bias(name, {width}, width); }
  void linear(const std::string& name, int64_t in, int64_t out) const { linear_bias(name, {out, in}, out); }
  void matrix(const std::string& name, int64_t in, int64_t out) const { tensor(name + ".weight", {out, in}); }
  void conv(const std::string& name, int64_t in, int64_t out, int64_t k) const {
    linear_bias(name, {out, in, k, k}, out);
  }

 private:
  void linear_bias(const std::string& name, std::vector<int64_t> shape, int64_t out) const {
    tensor(name + ".weight", std::move(shape));
    tensor(name + ".bias", {out});
  }
  Shapes& shapes_;
  std::string prefix_;
};

void resnet(const Writer& w, int in, int out, int time) {
  w.norm("in_layers.0", in);
  w.conv("in_layers.2", in, out, 3);
  w.linear("emb_layers.1", time, out);
  w.norm("out_layers.0", out);
  w.conv("out_layers.3", out, out, 3);
  if (in != out) w.conv("skip_connection", in, out, 1);
}

void transformer(const Writer& w, int c, int depth, const LdmUNet& unet) {
  w.norm("norm", c);
  for (const auto* proj : {"proj_in", "proj_out"}) unet.linear ? w.linear(proj, c, c) : w.conv(proj, c, c, 1);
  for (int d = 0; d < depth; ++d) {
    const auto block = w.at(fmt::format("transformer_blocks.{}", d));
    for (const auto* norm : {"norm1", "norm2", "norm3"}) block.norm(norm, c);
    for (const auto& [attention, context] : {std::pair{"attn1", c}, std::pair{"attn2", unet.context}}) {
      const auto a = block.at(attention);
      a.matrix("to_q", c, c);
      a.matrix("to_k", context, c);
      a.matrix("to_v", context, c);
      a.linear("to_out.0", c, c);
    }
    block.linear("ff.net.0.proj", c, 8 * c);
    block.linear("ff.net.2", 4 * c, c);
  }
}

void unet_down(const Writer& w, const LdmUNet& unet, int time, std::vector<int>& skips) {
  int n = 1, in = unet.channels;
  for (size_t level = 0; level < unet.multiples.size(); ++level) {
    const int out = unet.channels * unet.multiples[level];
    for (int layer = 0; layer < unet.layers; ++layer, ++n, in = out) {
      resnet(w.at(fmt::format("input_blocks.{}.0", n)), in, out, time);
      if (unet.depth[level]) transformer(w.at(fmt::format("input_blocks.{}.1", n)), out, unet.depth[level], unet);
      skips.push_back(out);
    }
    if (level + 1 == unet.multiples.size()) break;
    w.conv(fmt::format("input_blocks.{}.0.op", n++), out, out, 3);
    skips.push_back(out);
  }
}

void unet_up(const Writer& w, const LdmUNet& unet, int time, std::vector<int>& skips) {
  int n = 0, in = skips.back();
  for (size_t level = unet.multiples.size(); level-- > 0;) {
    const int out = unet.channels * unet.multiples[level];
    for (int layer = 0; layer < unet.layers + 1; ++layer, ++n, in = out) {
      resnet(w.at(fmt::format("output_blocks.{}.0", n)), in + skips.back(), out, time);
      skips.pop_back();
      const int depth =
          unet.up_depth.empty() ? unet.depth[level] : unet.up_depth[unet.multiples.size() - 1 - level][layer];
      if (depth) transformer(w.at(fmt::format("output_blocks.{}.1", n)), out, depth, unet);
    }
    if (level > 0) w.conv(fmt::format("output_blocks.{}.{}.conv", n - 1, unet.depth[level] ? 2 : 1), out, out, 3);
  }
}

void vae_resnet(const Writer& w, int in, int out) {
  w.norm("norm1", in);
  w.conv("conv1", in, out, 3);
  w.norm("norm2", out);
  w.conv("conv2", out, out, 3);
  if (in != out) w.conv("nin_shortcut", in, out, 1);
}

void vae_middle(const Writer& w) {
  for (const auto* block : {"mid.block_1", "mid.block_2"}) vae_resnet(w.at(block), 512, 512);
  w.norm("mid.attn_1.norm", 512);
  for (const auto* proj : {"q", "k", "v", "proj_out"}) w.conv(std::string("mid.attn_1.") + proj, 512, 512, 1);
}

}  // namespace

LdmUNet sd1_unet() {
  return {};
}
LdmUNet sd2_unet() {
  return {.context = 1024, .linear = true};
}
LdmUNet sdxl_unet() {
  return {
      .multiples = {1, 2, 4}, .depth = {0, 2, 10}, .middle_depth = 10, .context = 2048, .linear = true, .added = 2816};
}
LdmUNet ssd1b_unet() {
  auto unet = sdxl_unet();
  unet.depth = {0, 2, 4}, unet.up_depth = {{4, 4, 10}, {2, 1, 1}, {0, 0, 0}}, unet.middle_depth = -1;
  return unet;
}
LdmUNet vega_unet() {
  auto unet = sdxl_unet();
  unet.depth = {0, 1, 2}, unet.middle_depth = -1;
  return unet;
}
LdmUNet refiner_unet() {
  return {.channels = 384, .depth = {0, 4, 4, 0}, .middle_depth = 4, .context = 1280, .linear = true, .added = 2560};
}

Shapes unet_shapes(const LdmUNet& unet, const std::string& prefix) {
  Shapes shapes;
  const Writer w(shapes, prefix);
  const int time = 4 * unet.channels, coarsest = unet.channels * unet.multiples.back();
  w.linear("time_embed.0", unet.channels, time);
  w.linear("time_embed.2", time, time);
  if (unet.added) {
    w.linear("label_emb.0.0", unet.added, time);
    w.linear("label_emb.0.2", time, time);
  }
  w.conv("input_blocks.0.0", unet.in, unet.channels, 3);
  std::vector<int> skips{unet.channels};
  unet_down(w, unet, time, skips);
  if (unet.middle_depth >= -1) resnet(w.at("middle_block.0"), coarsest, coarsest, time);
  if (unet.middle_depth >= 0) {
    transformer(w.at("middle_block.1"), coarsest, unet.middle_depth, unet);
    resnet(w.at("middle_block.2"), coarsest, coarsest, time);
  }
  unet_up(w, unet, time, skips);
  w.norm("out.0", unet.channels);
  w.conv("out.2", unet.channels, 4, 3);
  return shapes;
}

Shapes vae_shapes(const std::string& prefix) {
  Shapes shapes;
  const Writer w(shapes, prefix), encoder = w.at("encoder"), decoder = w.at("decoder");
  const std::vector<int> channels{128, 256, 512, 512};
  encoder.conv("conv_in", 3, 128, 3);
  for (int level = 0; level < 4; ++level) {
    const auto down = encoder.at(fmt::format("down.{}", level)), up = decoder.at(fmt::format("up.{}", level));
    const int out = channels[level], before = channels[std::max(0, level - 1)],
              after = channels[std::min(3, level + 1)];
    for (int i = 0; i < 2; ++i) vae_resnet(down.at(fmt::format("block.{}", i)), i ? out : before, out);
    for (int i = 0; i < 3; ++i) vae_resnet(up.at(fmt::format("block.{}", i)), i ? out : after, out);
    if (level < 3) down.conv("downsample.conv", out, out, 3);
    if (level > 0) up.conv("upsample.conv", out, out, 3);
  }
  vae_middle(encoder);
  vae_middle(decoder);
  encoder.norm("norm_out", 512);
  encoder.conv("conv_out", 512, 8, 3);
  decoder.conv("conv_in", 4, 512, 3);
  decoder.norm("norm_out", 128);
  decoder.conv("conv_out", 128, 3, 3);
  w.conv("quant_conv", 8, 8, 1);
  w.conv("post_quant_conv", 4, 4, 1);
  return shapes;
}

Shapes clip_shapes(const std::string& prefix) {
  Shapes shapes;
  const Writer w(shapes, prefix + "text_model.");
  w.tensor("embeddings.token_embedding.weight", {49408, 768});
  w.tensor("embeddings.position_embedding.weight", {77, 768});
  w.tensor("embeddings.position_ids", {1, 77});
  for (int i = 0; i < 12; ++i) {
    const auto layer = w.at(fmt::format("encoder.layers.{}", i));
    for (const auto* proj : {"q_proj", "k_proj", "v_proj", "out_proj"})
      layer.linear(std::string("self_attn.") + proj, 768, 768);
    for (const auto* norm : {"layer_norm1", "layer_norm2"}) layer.norm(norm, 768);
    layer.linear("mlp.fc1", 768, 3072);
    layer.linear("mlp.fc2", 3072, 768);
  }
  w.norm("final_layer_norm", 768);
  return shapes;
}

Shapes open_clip_shapes(const std::string& prefix, int width, int layers) {
  Shapes shapes;
  const Writer w(shapes, prefix);
  w.tensor("positional_embedding", {77, width});
  w.tensor("token_embedding.weight", {49408, width});
  w.tensor("text_projection", {width, width});
  w.tensor("logit_scale", {});
  for (int i = 0; i < layers; ++i) {
    const auto layer = w.at(fmt::format("transformer.resblocks.{}", i));
    layer.tensor("attn.in_proj_weight", {3 * width, width});
    layer.tensor("attn.in_proj_bias", {3 * width});
    layer.linear("attn.out_proj", width, width);
    for (const auto* norm : {"ln_1", "ln_2"}) layer.norm(norm, width);
    layer.linear("mlp.c_fc", width, 4 * width);
    layer.linear("mlp.c_proj", 4 * width, width);
  }
  w.norm("ln_final", width);
  return shapes;
}

Shapes operator+(Shapes a, const Shapes& b) {
  a.insert(b.begin(), b.end());
  return a;
}

namespace {

Shapes with_inputs(LdmUNet unet, int in) {
  unet.in = in;
  return unet_shapes(unet);
}

}  // namespace

Shapes sd1_shapes(int in) {
  const Shapes training{{"betas", {1000}},
                        {"alphas_cumprod", {1000}},
                        {"model_ema.decay", {}},
                        {"model_ema.diffusion_modelinput_blocks00weight", {320, 4, 3, 3}}};
  return with_inputs(sd1_unet(), in) + vae_shapes() + clip_shapes("cond_stage_model.transformer.") + training;
}
Shapes sd2_shapes(int in) {
  return with_inputs(sd2_unet(), in) + vae_shapes() + open_clip_shapes("cond_stage_model.model.", 1024, 24);
}
Shapes sdxl_shapes(int in) {
  auto unet = sdxl_unet();
  unet.in = in;
  return sdxl_shapes(unet);
}
Shapes sdxl_shapes(const LdmUNet& unet) {
  return unet_shapes(unet) + vae_shapes() + clip_shapes("conditioner.embedders.0.transformer.") +
         open_clip_shapes("conditioner.embedders.1.model.", 1280, 32);
}
Shapes refiner_shapes() {
  return unet_shapes(refiner_unet()) + vae_shapes() + open_clip_shapes("conditioner.embedders.0.model.", 1280, 32);
}

void write_header_only(const std::filesystem::path& file, const Shapes& shapes,
                       const std::map<std::string, std::string>& metadata,
                       const std::map<std::string, std::string>& bytes_as) {
  nlohmann::json header;
  int64_t end = 0;
  for (const auto& [name, shape] : shapes) {
    const int64_t begin = end;
    int64_t elements = 1;
    for (const auto n : shape) elements *= n;
    const auto other = bytes_as.find(name);
    const bool half = other == bytes_as.end();
    end += (half ? 2 : 1) * elements;
    header[name] = {{"dtype", half ? "F16" : other->second}, {"shape", shape}, {"data_offsets", {begin, end}}};
  }
  if (!metadata.empty()) header["__metadata__"] = metadata;
  const auto text = header.dump();
  const uint64_t length = text.size();
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&length), sizeof length);
  out << text;
  out.close();
  std::filesystem::resize_file(file, sizeof length + length + end);
}

void fill(const std::filesystem::path& file, const std::string& tensor, const std::string& bytes) {
  std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
  uint64_t length = 0;
  stream.read(reinterpret_cast<char*>(&length), sizeof length);
  std::string header(length, ' ');
  stream.read(header.data(), static_cast<std::streamsize>(length));
  const auto offsets = nlohmann::json::parse(header)[tensor]["data_offsets"];
  if (offsets[1].get<uint64_t>() - offsets[0].get<uint64_t>() != bytes.size()) throw std::length_error(tensor);
  stream.seekp(static_cast<std::streamoff>(sizeof length + length + offsets[0].get<uint64_t>()));
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace corepulse::test
