#include "text/prompt/lora_tags.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <string_view>

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

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(':', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/** What stands between < and >; nothing if that is no such tag. */
std::optional<LoraTag> read(std::string_view inside) {
  const auto parts = split(inside);
  if (parts.size() < 2 || (parts[0] != "lora" && parts[0] != "lyco" && parts[0] != "locon")) return {};
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
    else if (!option.empty() || unet)
      refuse_prompt(
          fmt::format("<{}>: {} is not read here; expected <lora:name:0.8>, <lora:name:text:unet>, te=, unet=",
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
  for (size_t begin = 0; (begin = prompt.find('<', begin)) != prompt.npos;) {
    const auto end = prompt.find('>', begin);
    if (end == prompt.npos) break;
    const auto tag = read(std::string_view(prompt).substr(begin + 1, end - begin - 1));
    if (!tag) {
      ++begin;
      continue;
    }
    tags.push_back(*tag);
    prompt.erase(begin, end + 1 - begin);
  }
  return tags;
}

}  // namespace corepulse::text
