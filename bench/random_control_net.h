#pragma once
// A ControlNet of true shapes without meaning, and a picture for it.

#include <random>
#include <string>

#include "corepulse/image.h"

#include "io/tensors/safetensors.h"
#include "pipeline/prepare/outline.h"
#include "random_tensors.h"
#include "temporary_file.h"
#include "unet/control_net.h"

namespace corepulse {

/** The down half of a model's own UNet behind a random encoder of the picture: files, there for as long as this lives.
 */
class RandomControlNet {
 public:
  explicit RandomControlNet(const std::string& model) {
    const pipeline::Outline outline({.model = model});
    io::Tensors tensors;
    for (const auto& [name, view] : outline.parts.collection.networks.at(model::Part::unet).stored.tensors)
      if (name.find("up_blocks") == name.npos && name.find("conv_norm_out") == name.npos &&
          name.find("conv_out") == name.npos)
        tensors.emplace(name, view);
    const unet::ControlNetConfig config{.trunk = outline.parts.unet};
    std::minstd_rand random(1);
    const auto add = [&](const std::string& name, int out, int in, int size) {
      const std::vector<int64_t> shape{out, in, size, size};
      tensors.emplace(name + ".weight", random_tensor(name + ".weight", shape, random));
      tensors.emplace(name + ".bias", random_tensor(name + ".bias", {out}, random));
    };
    const auto& widths = config.hint;
    add("controlnet_cond_embedding.conv_in", widths[0], config.hint_channels, 3);
    for (size_t i = 0; i + 1 < widths.size(); ++i) {
      const auto block = [&](size_t n) { return "controlnet_cond_embedding.blocks." + std::to_string(2 * i + n); };
      add(block(0), widths[i], widths[i], 3), add(block(1), widths[i + 1], widths[i], 3);
    }
    add("controlnet_cond_embedding.conv_out", config.trunk.levels[0].channels, widths.back(), 3);
    int skip = 0;
    for (const int channels : unet::skip_channels(config.trunk))
      add("controlnet_down_blocks." + std::to_string(skip++), channels, channels, 1);
    const int coarsest = config.trunk.levels.back().channels;
    add("controlnet_mid_block", coarsest, coarsest, 1);
    io::write_safetensors(file_.path(), tensors);
    save_image({64, 64, std::vector<uint8_t>(size_t{3} * 64 * 64, 128)}, picture_.path());
  }
  std::string file() const { return file_.path().string(); }
  std::string picture() const { return picture_.path().string(); }

 private:
  TemporaryFile file_{".safetensors"}, picture_{".png"};
};

}  // namespace corepulse
