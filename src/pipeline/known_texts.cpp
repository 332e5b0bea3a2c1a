#include "pipeline/known_texts.h"

#include <algorithm>

namespace corepulse::pipeline {

EncodedText KnownTexts::of(const Written& text, const std::function<EncodedText()>& encode) {
  const auto found = std::find_if(texts_.begin(), texts_.end(), [&](const auto& known) { return known.first == text; });
  if (found != texts_.end()) {
    texts_.splice(texts_.begin(), texts_, found);
    return texts_.front().second;
  }
  texts_.emplace_front(text, encode());
  size_t bytes = 0;
  for (auto known = texts_.begin(); known != texts_.end(); ++known) {
    bytes += known->second.context.nbytes();
    if (bytes <= kMostBytes || known == texts_.begin()) continue;
    texts_.erase(known, texts_.end());
    break;
  }
  return texts_.front().second;
}

}  // namespace corepulse::pipeline
