#pragma once
// Texts that a model's own text encoders have read: a sweep's cells share most of theirs.

#include <functional>
#include <list>
#include <optional>

#include "corepulse/recipe.h"

#include "base/prompt_text.h"
#include "base/tensor.h"

namespace corepulse::pipeline {

struct EncodedText {
  mx::array context;                // [1, 77 or a multiple of it, context width]
  std::optional<mx::array> pooled;  // [1, pooled width], SDXL
};

/** The last ones, by all that they were made of. On the engine's thread. */
class KnownTexts {
 public:
  struct Written {
    PromptText prompt;
    std::optional<PromptText> second;
    int clip_skip = 0;
    PromptSyntax syntax = PromptSyntax::plain;
    bool operator==(const Written&) const = default;
  };
  /** SDXL's of one chunk take 640 kB in float32. */
  static constexpr size_t kMostBytes = size_t{64} << 20;

  /** The same arrays as before, if it is known; else what `encode` makes of it. */
  EncodedText of(const Written& text, const std::function<EncodedText()>& encode);
  void clear() { texts_.clear(); }

 private:
  std::list<std::pair<Written, EncodedText>> texts_;  // the last used first
};

}  // namespace corepulse::pipeline
