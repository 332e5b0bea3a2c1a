#include "text/prompt/lora_tags.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ascii.h"
#include "io/utf8.h"
#include "text/prompt/stretches.h"

namespace corepulse::text {
namespace {

double number(std::string_view given, std::string_view tag) {
  double value = 0;
  if (!parse_weight(trim(given), value))
    refuse_prompt(fmt::format("<{}>: {} is no number; expected one such as 0.8", io::printable(tag, 80),
                              given.empty() ? "nothing" : io::printable(given, 40)));
  return value;
}

std::vector<std::string_view> split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(mark, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/** LoRA Block Weight's own presets: from one place among 17 to another all act; the first, the text encoders', too. */
struct BlockPreset {
  std::string_view name;
  size_t from, to;
  double text, strength;
};
constexpr size_t kPresetBlocks = 17;
constexpr BlockPreset kBlockPresets[] = {
    {"NONE", 0, 0, 0, 0},    {"ALL", 1, 17, 1, 1},        {"INS", 1, 4, 1, 1},   {"IND", 4, 7, 1, 1},
    {"INALL", 1, 7, 1, 1},   {"MIDD", 4, 12, 1, 1},       {"OUTD", 8, 12, 1, 1}, {"OUTS", 12, 17, 1, 1},
    {"OUTALL", 8, 17, 1, 1}, {"ALL0.5", 1, 17, 0.5, 0.5},
};

std::vector<double> blocks_of(std::string_view given, std::string_view tag) {
  constexpr size_t kSdxl = 12;
  std::vector<double> blocks;
  for (const auto& preset : kBlockPresets) {
    if (preset.name != given) continue;
    blocks.assign(kPresetBlocks, 0);
    blocks[0] = preset.text;
    std::fill(blocks.begin() + static_cast<ptrdiff_t>(preset.from), blocks.begin() + static_cast<ptrdiff_t>(preset.to),
              preset.strength);
    return blocks;
  }
  const auto parts = split(given, ',');
  double first = 0;
  if (parts.size() == 1 && !parse_weight(given, first))
    refuse_prompt(fmt::format("<{}>: lbw={} is no preset that is known here; expected numbers, a comma between two",
                              io::printable(tag, 80), io::printable(given, 40)));
  if (parts.size() != kPresetBlocks && parts.size() != kSdxl)
    refuse_prompt(fmt::format("<{}>: {} number(s) behind lbw=; expected {}, or {} for SDXL", io::printable(tag, 80),
                              parts.size(), kPresetBlocks, kSdxl));
  for (const auto part : parts) blocks.push_back(number(part, tag));
  return blocks;
}

/** What stands between < and >; nothing if that is no such tag. */
std::optional<LoraTag> read(std::string_view inside) {
  // Known by its first letters: a text of many "<" is not split at each of them.
  if (!inside.starts_with("lora:") && !inside.starts_with("lyco:") && !inside.starts_with("locon:")) return {};
  const auto parts = split(inside, ':');
  LoraTag tag{.name = std::string(trim(parts[1]))};
  if (tag.name.empty()) refuse_prompt(fmt::format("<{}> names no file", io::printable(inside, 80)));
  std::optional<double> both, unet, named_text, named_unet;
  for (size_t i = 2; i < parts.size(); ++i) {
    const auto sign = parts[i].find('=');
    const auto option = trim(parts[i].substr(0, sign == std::string_view::npos ? 0 : sign));
    if (option == "te")
      named_text = number(parts[i].substr(sign + 1), inside);
    else if (option == "unet")
      named_unet = number(parts[i].substr(sign + 1), inside);
    else if (option == "lbw")
      tag.blocks = blocks_of(trim(parts[i].substr(sign + 1)), inside);
    else if (!option.empty() || unet)
      refuse_prompt(
          fmt::format("<{}>: {} is not read here; expected <lora:name:0.8>, <lora:name:text:unet>, te=, unet=, lbw=",
                      io::printable(inside, 80), io::printable(parts[i], 40)));
    else
      (both ? unet : both) = number(parts[i], inside);
  }
  tag.text_strength = named_text.value_or(both.value_or(1));
  tag.strength = named_unet.value_or(unet.value_or(tag.text_strength));
  return tag;
}

}  // namespace

std::vector<LoraTag> take_lora_tags(std::string& prompt) {
  std::vector<LoraTag> tags;
  std::string rest;
  size_t kept = 0, end = prompt.find('>');
  for (size_t begin = prompt.find('<'); begin != prompt.npos; begin = prompt.find('<', begin)) {
    if (end < begin) end = prompt.find('>', begin);
    if (end == prompt.npos) break;
    auto tag = read(std::string_view(prompt).substr(begin + 1, end - begin - 1));
    if (!tag) {
      ++begin;
      continue;
    }
    tags.push_back(std::move(*tag));
    rest.append(prompt, kept, begin - kept);
    begin = kept = end + 1;
  }
  prompt = rest.append(prompt, kept);
  return tags;
}

}  // namespace corepulse::text
