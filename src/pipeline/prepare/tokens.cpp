// A prompt as tokens, for those who show it to people.
#include "corepulse/host/tokens.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "model/model.h"
#include "model/parts.h"
#include "text/prompt/chunks.h"
#include "text/prompt/read_prompt.h"
#include "text/prompt/schedule.h"

namespace corepulse {
namespace {

constexpr int kUsualSteps = 20;

/** Where a weight's ":1.2)" ends that begins at `at`; `at` itself: none begins there. */
size_t weight_end(std::string_view written, size_t at) {
  if (written[at] != ':') return at;
  const auto end = written.find_first_not_of(" +-.0123456789", at + 1);
  return end != written.npos && end > at + 1 && written[end] == ')' ? end : at;
}

/**
 * The text is what is left of the prompt where syntax is taken away: each byte is looked for behind the one before,
 * past weights. A byte that is not found so has no place.
 */
std::vector<int> places(std::string_view text, std::string_view written) {
  std::vector<int> result(text.size(), -1);
  size_t at = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    size_t found = at;
    while (found < written.size() && written[found] != text[i]) found = std::max(found + 1, weight_end(written, found));
    if (found == written.size()) continue;
    result[i] = static_cast<int>(found);
    at = found + 1;
  }
  return result;
}

/** Without what changes with the steps. */
std::string first_text(const std::string& prompt, PromptSyntax syntax) {
  if (syntax != PromptSyntax::a1111) return prompt;
  return text::texts_by_step(text::split_prompts(prompt)[0].first, kUsualSteps)[0];
}

}  // namespace

PromptTokens prompt_tokens(const ModelSource& model, const std::string& prompt, PromptSyntax syntax) {
  const auto tokenizer = model::load_tokenizers(model::understand(model)).at(0);
  const auto read = text::read_prompt(first_text(prompt, syntax), syntax);
  const auto made = text::chunked(tokenizer, read, syntax);
  PromptTokens result{.text = read.text, .cut = made.cut, .limit = tokenizer.max_length() - 2};
  result.chunks = static_cast<int>(made.chunks.size());
  result.written = places(read.text, prompt);
  for (size_t i = 0; i < made.tokens.size(); ++i) {
    const auto& [id, begin, end, ends_word] = made.tokens[i];
    PromptToken token{read.text.substr(size_t(begin), size_t(end - begin)), id, begin, end};
    token.read = i < made.positions.size();
    if (token.read) {
      const auto [chunk, place] = std::div(made.positions[i], tokenizer.max_length());
      token.chunk = chunk;
      token.weight = made.chunks[size_t(chunk)].weights[size_t(place)];
    }
    result.tokens.push_back(std::move(token));
  }
  return result;
}

}  // namespace corepulse
