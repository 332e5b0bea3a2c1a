#pragma once
// Files of ControlNets with random numbers, for the UNet of a tiny model, and pictures for them.

#include <cmath>
#include <fmt/format.h>
#include <random>

#include "corepulse/image.h"

#include "../io/support.h"
#include "io/base64.h"
#include "io/picture/image_format.h"
#include "io/tensors/safetensors.h"
#include "model/parts.h"
#include "random_tensor.h"
#include "support.h"

namespace corepulse::test {

/** The UNet's own down half, with a random encoder of the picture and random 1x1 convolutions. */
class ControlNetFile {
 public:
  explicit ControlNetFile(const std::string& family, unsigned seed = 1) : random_(seed) {
    const auto parts = model::understand({.model = tiny_folder(family)});
    for (const auto& [name, view] : parts.collection.networks.at(model::Part::unet).stored.tensors)
      for (const char* part : {"conv_in.", "time_embedding.", "add_embedding.", "down_blocks.", "mid_block."})
        if (name.starts_with(part)) tensors_.emplace(name, view);
    int i = 0;
    for (const int n : unet::skip_channels(parts.unet)) add(fmt::format("controlnet_down_blocks.{}", i++), n, n, 1);
    const int coarsest = parts.unet.levels.back().channels;
    add("controlnet_mid_block", coarsest, coarsest, 1);
    add_hint(parts.unet.levels[0].channels);
    io::write_safetensors(path(), tensors_);
  }
  std::string path() const { return (folder_ / "net.safetensors").string(); }
  std::string folder() const { return folder_.path().string(); }
  /** By name, to be changed and written again. */
  io::Tensors& tensors() { return tensors_; }
  void write() const { io::write_safetensors(path(), tensors_); }

  void add(const std::string& name, int in, int out, int kernel) {
    tensors_[name + ".weight"] = random({out, in, kernel, kernel}, 0.8f / std::sqrt(float(in * kernel * kernel)));
    tensors_[name + ".bias"] = random({out}, 0.05f);
  }

 private:
  void add_hint(int out) {
    const std::string hint = "controlnet_cond_embedding.";
    constexpr int kWidths[] = {4, 6, 8, 10};
    add(hint + "conv_in", 3, kWidths[0], 3);
    for (int i = 0; i < 3; ++i) {
      add(fmt::format("{}blocks.{}", hint, 2 * i), kWidths[i], kWidths[i], 3);
      add(fmt::format("{}blocks.{}", hint, 2 * i + 1), kWidths[i], kWidths[i + 1], 3);
    }
    add(hint + "conv_out", kWidths[3], out, 3);
  }
  io::TensorView random(std::vector<int64_t> shape, float deviation) {
    return random_tensor(random_, std::move(shape), deviation);
  }

  Folder folder_;
  std::mt19937 random_;
  io::Tensors tensors_;
};

/** A picture of random blocks, as the bytes of a PNG in base64. */
inline std::string block_picture(unsigned seed, int width = 48, int height = 32) {
  std::mt19937 random(seed);
  std::vector<uint8_t> blocks(size_t{3} * 24);
  for (auto& value : blocks) value = static_cast<uint8_t>(random() % 256);
  Image image{width, height, {}, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.pixels.push_back(blocks[static_cast<size_t>((y * 4 / height) * 6 + x * 6 / width) * 3 + c]);
  return io::to_base64(io::encode_png(image, {}));
}

/** The file with such a picture. */
inline Control guide_by_picture(const ControlNetFile& file, Curve strength = 1, unsigned picture = 5) {
  auto control = controlnet(file.path(), "", std::move(strength));
  std::get<ControlNet>(control.effect).data = block_picture(picture);
  return control;
}

}  // namespace corepulse::test
