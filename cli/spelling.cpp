#include "spelling.h"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>
#include <utility>

#include "corepulse/nearest_name.h"

namespace corepulse::cli {

namespace {

// Names of Diffusers, A1111, ComfyUI and stable-diffusion.cpp that mean the same, with - for _.
constexpr std::pair<const char*, const char*> kSame[] = {{"--negative-prompt", "--negative"},
                                                         {"--neg", "--negative"},
                                                         {"--cfg", "--guidance"},
                                                         {"--cfg-scale", "--guidance"},
                                                         {"--guidance-scale", "--guidance"},
                                                         {"--scale", "--guidance"},
                                                         {"--num-inference-steps", "--steps"},
                                                         {"--sampling-steps", "--steps"},
                                                         {"--sampling-method", "--sampler"},
                                                         {"--sampler-name", "--sampler"},
                                                         {"--batch-size", "--batch"},
                                                         {"--batch-count", "--batch"},
                                                         {"--num-images", "--batch"},
                                                         {"--n-samples", "--batch"},
                                                         {"--ckpt", "--model"},
                                                         {"--checkpoint", "--model"},
                                                         {"--model-path", "--model"},
                                                         {"--vae-path", "--vae"},
                                                         {"--out", "--output"},
                                                         {"--outdir", "--output"},
                                                         {"--seeds", "--seed"},
                                                         {"--cfg-rescale", "--guidance-rescale"},
                                                         {"--init-image", "--init"},
                                                         {"--init-img", "--init"},
                                                         {"--denoising-strength", "--strength"},
                                                         {"--denoise", "--strength"},
                                                         {"--inpaint", "--repaint"},
                                                         {"--mask-image", "--repaint"},
                                                         {"--lora-dir", "--loras"},
                                                         {"--lora-model-dir", "--loras"},
                                                         {"--embd-dir", "--embeddings"},
                                                         {"--embeddings-dir", "--embeddings"},
                                                         {"--negative-prompt-2", "--negative-2"},
                                                         {"--refiner-switch-at", "--switch-at"},
                                                         {"--denoising-end", "--switch-at"},
                                                         {"--denoising-start", "--switch-at"}};

// What other programs have and this one does not.
constexpr std::pair<const char*, const char*> kInstead[] = {
    {"--embedding", "--embeddings names the folder of files whose names are words of prompts"},
    {"--textual-inversion", "--embeddings names the folder of files whose names are words of prompts"},
    {"--ip-adapter", "--picture-prompt \"FILE=PICTURE\" reads pictures by an IP-Adapter"},
    {"--img2img", "--init names the picture to start from"},
    {"--hires-fix", "--second-pass \"2x, strength 0.5\" enlarges the picture and draws on"},
    {"--upscale", "--second-pass \"2x, strength 0.5\" enlarges the picture and draws on"},
    {"--xformers", "attention needs no switch here"}};

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace

std::vector<std::string> with_own_names(std::vector<std::string> arguments) {
  for (auto& argument : arguments) {
    if (argument == "--") break;
    if (!argument.starts_with("--")) continue;
    const auto end = argument.find('=');
    const auto name = dashed(argument.substr(0, end));
    for (const auto& [other, ours] : kSame)
      if (name == other) {
        argument = ours + (end == argument.npos ? "" : argument.substr(end));
        break;
      }
  }
  return arguments;
}

std::string unknown_option(const std::string& given, const std::vector<std::string>& valid) {
  const auto name = dashed(given.substr(0, given.find('=')));
  for (const auto& [other, instead] : kInstead)
    if (name == other || name == std::string(other) + "s") return fmt::format("unknown option {}: {}", name, instead);
  const auto near =
      nearest_name(std::string_view(name).substr(std::min(name.find_first_not_of('-'), name.size())), valid);
  return fmt::format("unknown option {}{}", name, near.empty() ? "" : fmt::format("; did you mean --{}?", near));
}

}  // namespace corepulse::cli
