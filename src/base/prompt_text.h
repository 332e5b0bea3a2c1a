#pragma once
// A prompt without the syntax that it was written in.

#include <string>
#include <vector>

namespace corepulse {

/** Bytes [begin, end) of a text that are made into tokens on their own, and how much they weigh. */
struct Stretch {
  int begin = 0, end = 0;
  double weight = 1;
  bool breaks = false;  ///< A new chunk of the text encoder begins with it.
  bool operator==(const Stretch&) const = default;
};

/** What is read, and how. Phrases of controls are looked for in `text`. */
struct PromptText {
  PromptText() = default;
  PromptText(std::string whole) : text(std::move(whole)) {}  // NOLINT: a text without weights
  PromptText(std::string whole, std::vector<Stretch> parts) : text(std::move(whole)), stretches(std::move(parts)) {}

  std::string text;
  std::vector<Stretch> stretches;  ///< In order; nothing between them is read. Empty: the text is one, of weight 1.
  bool operator==(const PromptText&) const = default;
};

}  // namespace corepulse
