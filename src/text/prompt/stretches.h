#pragma once
// A PromptText while it is put together, from its beginning to its end.

#include <string_view>

#include "base/prompt_text.h"

namespace corepulse::text {

/** Brackets may be nested this deep. */
inline constexpr int kDeepestBrackets = 100;

class Stretches {
 public:
  /** Adds a part; `joins`: to the last one, if both weigh the same. */
  void add(std::string_view text, double weight, bool joins);
  /** What is added next begins a chunk. */
  void end_chunk();
  /** Something that no token comes from, to keep words apart. */
  void gap(char c);

  /** Without any stretch where all are of weight 1 and one of them is the text. */
  PromptText take() &&;

 private:
  PromptText made_;
  bool breaks_ = false;
};

/** The number that all of the text is, with or without a sign. @throws Error{invalid_request} if it is not finite. */
bool parse_weight(std::string_view text, double& weight);

/** A prompt as it is written may be as long as one that is read: whoever reads brackets goes over them many times.
 * @throws Error{invalid_request} for more than kMaxPromptBytes. */
void check_prompt_size(std::string_view written);

[[noreturn]] void refuse_prompt(std::string_view message);

}  // namespace corepulse::text
