#include "spelling.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>
#include <utility>

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
                                                         {"--cfg-rescale", "--guidance-rescale"}};

// What other programs have and this one does not.
constexpr std::pair<const char*, const char*> kInstead[] = {
    {"--lora", "files of added weights are not read; merge it into a checkpoint, which -m takes"},
    {"--embedding", "files of added words are not read; write the words in the prompt"},
    {"--textual-inversion", "files of added words are not read; write the words in the prompt"},
    {"--controlnet", "there is none; --region, --attend and --share decide what stands where"},
    {"--init-image", "pictures begin from noise; --share reads the recording of another run"},
    {"--init-img", "pictures begin from noise; --share reads the recording of another run"},
    {"--img2img", "pictures begin from noise; --share reads the recording of another run"},
    {"--hires-fix", "there is none; -W and -H set the size"},
    {"--upscale", "there is none; -W and -H set the size"},
    {"--xformers", "attention needs no switch here"}};

std::string dashed(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
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

std::string nearest(const std::string& given, const std::vector<std::string>& valid) {
  if (given.size() > 64) return "";
  std::string best;
  size_t least = SIZE_MAX;
  for (const auto& name : valid) {
    const size_t dashes = name.starts_with("--") && given.starts_with("--") ? 2 : 0;
    const size_t distance = edit_distance(given, name);
    if (distance < least && distance * 2 <= name.size() - dashes) least = distance, best = name;
  }
  return best;
}

std::string unknown_option(const std::string& given, const std::vector<std::string>& valid) {
  const auto name = dashed(given.substr(0, given.find('=')));
  for (const auto& [other, instead] : kInstead)
    if (name == other || name == std::string(other) + "s") return fmt::format("unknown option {}: {}", name, instead);
  const auto near = nearest(name, valid);
  return fmt::format("unknown option {}{}", name, near.empty() ? "" : fmt::format("; did you mean {}?", near));
}

}  // namespace corepulse::cli
