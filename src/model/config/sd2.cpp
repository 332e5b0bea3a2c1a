#include "model/config/sd2.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "io/file.h"
#include "model/family.h"
#include "nn/stored.h"

namespace corepulse::model {
namespace {

/** The standard deviation of a vector of weights; nullopt if it cannot be read. */
std::optional<double> spread(const Network& unet, const std::string& name) {
  const auto found = unet.stored.tensors.find(name);
  if (found == unet.stored.tensors.end()) return {};
  const auto& view = found->second;
  constexpr int64_t kMost = 1 << 14;  // 320 in truth
  const bool vector = view.shape.size() == 1 && view.shape[0] >= 1 && view.shape[0] <= kMost;
  if (!view.data || !vector || !nn::is_number(view.type)) return {};
  for (const auto& mapping : unet.mappings) mapping->check_unchanged();
  const int n = static_cast<int>(view.shape[0]);
  const auto numbers = nn::to_array(view, {n}, mx::float32);
  const float* x = numbers.data<float>();
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) sum += x[i], squares += double(x[i]) * x[i];
  return std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
}

std::string layer(int i) {
  return fmt::format("text_model.encoder.layers.{}.", i);
}

int stored_layers(const io::Tensors& tensors) {
  int n = 0;
  while (tensors.contains(layer(n) + "layer_norm1.weight")) ++n;
  return n;
}

}  // namespace

Prediction guess_sd2_prediction(const Collection& collection, std::vector<std::string>& notes) {
  const auto guess = [&](Prediction prediction, const std::string& reason) {
    notes.push_back(
        fmt::format("prediction {} is a guess: files of SD2 do not say; {}; if pictures are noise, give "
                    "--prediction {}",
                    name(prediction), reason, prediction == Prediction::v ? "epsilon" : "v"));
    return prediction;
  };
  // The last step of SD2-base's training: Diffusers' rule.
  if (collection.markers.global_step == 875000) return guess(Prediction::epsilon, "global_step is that of SD2-base");
  const auto& unet = collection.networks.at(Part::unet);
  if (input_channels(unet.stored.tensors) != 4)
    return guess(Prediction::epsilon, "its models with a mask or depth predict that");
  // ComfyUI's rule (comfy/supported_models.py, SD20.model_type): LDM's output_blocks.11.1, population deviation over
  // 0.09.
  const std::string bias = "up_blocks.3.attentions.2.transformer_blocks.0.norm1.bias";
  const auto deviation = spread(unet, bias);
  if (!deviation) return guess(Prediction::epsilon, fmt::format("there is no {} to tell from", bias));
  const bool v = *deviation > 0.09;
  return guess(v ? Prediction::v : Prediction::epsilon,
               fmt::format("the spread of {} is {:.3f}, {} 0.09", bias, *deviation, v ? "over" : "at most"));
}

void drop_last_sd2_layer(Network& network, text::Config& config, std::vector<std::string>& notes) {
  constexpr int kWidth = 1024, kAll = 24;  // of OpenCLIP's ViT-H, whose text SD2 reads
  auto& tensors = network.stored.tensors;
  const int stored = stored_layers(tensors);
  if (!network.config && config.width == kWidth && stored == kAll) config.layers = kAll - 1;
  if (!network.config && config.width != kWidth && network.stored.open_clip)
    notes.push_back(
        fmt::format("all {} layers of the text encoder are read: whether the last is one that SD2 leaves out "
                    "is known for a width of {} only, not for {}; --config FOLDER would say",
                    stored, kWidth, config.width));
  if (stored == config.layers + 1)
    std::erase_if(tensors, [last = layer(stored - 1)](const auto& entry) { return entry.first.starts_with(last); });
}

}  // namespace corepulse::model
