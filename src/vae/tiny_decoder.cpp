#include "vae/tiny_decoder.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/tensors/safetensors.h"
#include "io/utf8.h"
#include "kernels/settle.h"

namespace corepulse::vae {
namespace {

constexpr int kLatentChannels = 4;
constexpr int kBlocks[] = {3, 3, 3, 1};  // of each size, an eighth of the picture's first

mx::array relu(const mx::array& x) {
  return mx::maximum(x, like(0, x));
}

/** How wide its layers are. */
int width_of(const nn::Weights& layers) {
  const auto& shape = (layers / 0).stored_shape("weight");
  constexpr int64_t kMost = 1024;
  const bool good = shape.size() == 4 && shape[0] >= 1 && shape[0] <= kMost && shape[1] == kLatentChannels;
  if (!good)
    fail(ErrorCode::unsupported_model, "taesd",
         fmt::format("the first layer reads {} channels; expected a decoder of latents of {} (TAESD, TAESDXL)",
                     shape.size() == 4 ? shape[1] : 0, kLatentChannels));
  return static_cast<int>(shape[0]);
}

/** "12.conv.0.weight" begins with a number and a dot: the original naming, one place behind Diffusers'. */
int leading_place(const std::string& name) {
  const auto dot = name.find('.');
  if (dot == 0 || dot > 3) return -1;
  int place = 0;
  for (size_t i = 0; i < dot; ++i) {
    if (name[i] < '0' || name[i] > '9') return -1;
    place = 10 * place + (name[i] - '0');
  }
  return place;
}

io::Tensors decoder_of(const io::Tensors& tensors, const std::string& file) {
  io::Tensors decoder;
  for (const auto& [name, view] : tensors) {
    const std::string layers = "decoder.layers.";
    if (name.starts_with("encoder.")) continue;
    const bool diffusers = name.starts_with(layers);
    const int place = diffusers ? -1 : leading_place(name);
    if (!diffusers && place < 1)
      fail(ErrorCode::unsupported_model, "taesd",
           fmt::format("{}: the tensor {} is none of a TAESD decoder; expected decoder.layers.0.weight ... or "
                       "1.weight ...",
                       file, io::printable(name, 80)));
    const auto renamed = diffusers ? name : layers + std::to_string(place - 1) + name.substr(name.find('.'));
    if (!decoder.emplace(renamed, view).second)
      fail(ErrorCode::bad_file, "taesd", fmt::format("{}: {} is there twice", file, renamed));
  }
  return decoder;
}

}  // namespace

TinyBlock::TinyBlock(const nn::Weights& w, int channels)
    : conv_0(w / "conv" / 0, channels, channels, 3),
      conv_2(w / "conv" / 2, channels, channels, 3),
      conv_4(w / "conv" / 4, channels, channels, 3) {}

mx::array TinyBlock::operator()(const mx::array& x) const {
  return relu(x + conv_4(relu(conv_2(relu(conv_0(x).array())).array())).array());
}

TinyDecoder::TinyDecoder(const nn::Weights& w)
    : conv_in_(w / "decoder" / "layers" / 0, kLatentChannels, width_of(w / "decoder" / "layers"), 3) {
  const auto layers = w / "decoder" / "layers";
  const int channels = conv_in_.out();
  int place = 2;  // behind the activation
  for (const int blocks : kBlocks) {
    auto& level = levels_.emplace_back();
    for (int b = 0; b < blocks; ++b) level.blocks.emplace_back(layers / place++, channels);
    if (levels_.size() == std::size(kBlocks)) break;
    ++place;  // the enlarging
    level.enlarged.emplace_back((layers / place++).take_conv("weight", channels, channels, 3), std::nullopt, 1,
                                kernels::Padding::same(1));
  }
  conv_out_.emplace_back(layers / place, channels, 3, 3);
  w.require_all_taken();
}

mx::array TinyDecoder::operator()(const mx::array& latents) const {
  const auto x = mx::astype(latents, mx::float32);
  auto h = relu(conv_in_(mx::tanh(x / like(3, x)) * like(3, x)).array());
  for (const auto& level : levels_) {
    for (const auto& block : level.blocks) h = block(h);
    for (const auto& conv : level.enlarged) h = kernels::settle(conv.upsampled(h, 2 * h.shape(1), 2 * h.shape(2)));
  }
  const auto picture = conv_out_.front()(h).array();
  return picture * like(2, picture) - like(1, picture);
}

TinyDecoder open_tiny_decoder(const std::filesystem::path& file) {
  const auto opened = io::open_safetensors(file);
  return TinyDecoder(nn::Weights(decoder_of(opened.tensors, file.string()), "taesd", mx::float32, {opened.mapping}));
}

uint64_t tiny_decoder_bytes(const std::filesystem::path& file, int height, int width) {
  // At full size: a block's input, what its convolutions read and write, and room for one of them to work.
  constexpr uint64_t kArrays = 5, kPixels = 64;
  const auto opened = io::open_safetensors(file);
  const auto decoder = decoder_of(opened.tensors, file.string());
  uint64_t numbers = 0;
  for (const auto& [name, view] : decoder) numbers += view.elements();
  const int channels = width_of(nn::Weights::header(decoder, "taesd") / "decoder" / "layers");
  numbers += kArrays * kPixels * static_cast<uint64_t>(height) * static_cast<uint64_t>(width) *
             static_cast<uint64_t>(channels);
  return numbers * sizeof(float);
}

void check_tiny_decoder(const std::filesystem::path& file) {
  const auto opened = io::open_safetensors(file);
  TinyDecoder(nn::Weights::header(decoder_of(opened.tensors, file.string()), "taesd"));
}

}  // namespace corepulse::vae
