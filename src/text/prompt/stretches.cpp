#include "text/prompt/stretches.h"

#include <cmath>
#include <fmt/format.h>

#include "base/ascii.h"
#include "base/fail.h"
#include "base/number.h"
#include "io/utf8.h"
#include "text/clip_tokenizer.h"

namespace corepulse::text {

void Stretches::add(std::string_view text, double weight, bool joins) {
  if (text.empty()) return;
  auto& all = made_.stretches;
  const int begin = static_cast<int>(made_.text.size());
  made_.text += text;
  const int end = static_cast<int>(made_.text.size());
  if (joins && !breaks_ && !all.empty() && all.back().end == begin && all.back().weight == weight)
    all.back().end = end;
  else
    all.push_back({begin, end, weight, breaks_});
  breaks_ = false;
}

void Stretches::end_chunk() {
  // Also an empty chunk is one: "a BREAK BREAK b" makes three.
  if (breaks_) {
    const int at = static_cast<int>(made_.text.size());
    made_.stretches.push_back({at, at, 1, true});
  }
  gap(' ');
  breaks_ = true;
}

void Stretches::gap(char c) {
  if (!made_.text.empty() && made_.text.back() != c) made_.text += c;
}

PromptText Stretches::take() && {
  if (breaks_) {
    const int at = static_cast<int>(made_.text.size());
    made_.stretches.push_back({at, at, 1, true});
  }
  auto& all = made_.stretches;
  const Stretch whole{0, static_cast<int>(made_.text.size())};
  if (all.size() == 1 && all[0] == whole) all.clear();
  return std::move(made_);
}

bool parse_weight(std::string_view text, double& weight) {
  auto number = trim(text);
  if (number.starts_with('+') && number.size() > 1 && number[1] != '-') number.remove_prefix(1);
  const auto found = leading_number(number);
  if (!found || found->length != number.size()) return false;
  if (!std::isfinite(found->value))
    refuse_prompt(fmt::format("the weight {}; expected a finite number", io::printable(number)));
  weight = found->value;
  return true;
}

void check_prompt_size(std::string_view written) {
  if (written.size() > kMaxPromptBytes)
    refuse_prompt(fmt::format("{} bytes of text; expected at most {}", written.size(), kMaxPromptBytes));
}

void refuse_prompt(std::string_view message) {
  fail(ErrorCode::invalid_request, "prompt", message);
}

}  // namespace corepulse::text
