// ComfyUI's emphasis, as its comfy/sd1_clip.py reads it.
#include <fmt/format.h>

#include "text/prompt/stretches.h"
#include "text/prompt/syntaxes.h"

namespace corepulse::text {
namespace {

constexpr double kComfyMore = 1.1;

class ComfyReader {
 public:
  explicit ComfyReader(std::string_view written) {
    for (size_t i = 0; i < written.size(); ++i) {
      const bool escape =
          written[i] == '\\' && i + 1 < written.size() && std::string_view("(){|}").find(written[i + 1]) < 5;
      i += escape;
      chars_ += written[i];
      literal_.push_back(escape);
    }
  }

  PromptText operator()() {
    read(0, chars_.size(), 1, 0);
    return std::move(made_).take();
  }

 private:
  bool is(size_t at, char bracket) const { return chars_[at] == bracket && !literal_[at]; }

  /** Bytes [begin, end), cut into brackets and what is between them. A bracket too many counts as one less open. */
  void read(size_t begin, size_t end, double weight, int depth) {
    if (depth > kDeepestBrackets)
      refuse_prompt(fmt::format("more than {} brackets inside one another", kDeepestBrackets));
    int open = 0;
    size_t from = begin;
    for (size_t at = begin; at < end; ++at) {
      if (is(at, '(') && open++ == 0) {
        part(from, at, weight, depth);
        from = at;
      } else if (is(at, ')') && --open == 0) {
        part(from, at + 1, weight, depth);
        from = at + 1;
      }
    }
    part(from, end, weight, depth);
  }

  void part(size_t begin, size_t end, double weight, int depth) {
    if (end - begin < 2 || !is(begin, '(') || !is(end - 1, ')'))
      return made_.add(std::string_view(chars_).substr(begin, end - begin), weight, /*joins=*/false);
    ++begin, --end;
    double inside = weight * kComfyMore;
    const auto content = std::string_view(chars_).substr(begin, end - begin);
    const auto colon = content.rfind(':');
    // Inside other brackets a number is no factor, but the weight.
    if (colon != content.npos && colon > 0 && parse_weight(content.substr(colon + 1), inside)) end = begin + colon;
    read(begin, end, inside, depth + 1);
  }

  std::string chars_;          // without escapes
  std::vector<bool> literal_;  // by byte: it was escaped
  Stretches made_;
};

}  // namespace

PromptText read_comfy(std::string_view written) {
  return ComfyReader(written)();
}

}  // namespace corepulse::text
