#include "text/prompt/read_prompt.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "text/prompt/stretches.h"
#include "text/prompt/syntaxes.h"

namespace corepulse::text {
namespace {

constexpr std::string_view kAnd = "AND";

bool in_a_word(std::string_view text, size_t byte) {
  return byte < text.size() && is_word_char(text[byte]);
}

/** "a cat :1.2": the weight goes with the colon and the space before it. */
std::pair<std::string, double> with_weight(std::string_view text) {
  const auto without_space = [](std::string_view part) {
    while (!part.empty() && is_space(part.back())) part.remove_suffix(1);
    return std::string(part);
  };
  double weight = 1;
  const auto colon = text.rfind(':');
  const auto number = colon == text.npos ? std::string_view() : trim(text.substr(colon + 1));
  const bool weighs =
      !number.empty() && number.find_first_not_of("+-.0123456789") == number.npos && parse_weight(number, weight);
  return weighs ? std::pair{without_space(text.substr(0, colon)), weight} : std::pair{without_space(text), 1.0};
}

/** What A1111 takes out of a prompt before it reads the weights. */
void refuse_unread(std::string_view written) {
  if (split_prompts(written).size() > 1) refuse_prompt("AND joins prompts; expected it in the recipe's prompt alone");
  for (const std::string_view network : {"<lora:", "<lyco:", "<locon:"})
    if (written.find(network) != written.npos)
      refuse_prompt(fmt::format(
          "{}...> names a file of added weights; expected it in the recipe's prompt alone, or the control lora",
          network));
  if (written.find("<hypernet:") != written.npos)
    refuse_prompt("<hypernet:...>, a file of added weights, cannot be read; leave it out");
}

}  // namespace

PromptText read_prompt(std::string_view written, PromptSyntax syntax) {
  check_prompt_size(written);
  switch (syntax) {
    case PromptSyntax::a1111:
      refuse_unread(written);
      return read_a1111(written);
    case PromptSyntax::comfy:
      return read_comfy(written);
    case PromptSyntax::compel:
      return read_compel(written);
    case PromptSyntax::plain:
      break;
  }
  return {std::string(written)};
}

std::vector<std::pair<std::string, double>> split_prompts(std::string_view written) {
  std::vector<std::pair<std::string, double>> prompts;
  size_t done = 0;
  for (auto at = written.find(kAnd); at != written.npos; at = written.find(kAnd, at + 1)) {
    if ((at > 0 && in_a_word(written, at - 1)) || in_a_word(written, at + kAnd.size())) continue;
    prompts.push_back(with_weight(written.substr(done, at - done)));
    done = at + kAnd.size();
  }
  prompts.push_back(with_weight(written.substr(done)));
  return prompts;
}

}  // namespace corepulse::text
