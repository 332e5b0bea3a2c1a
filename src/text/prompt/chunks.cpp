#include "text/prompt/chunks.h"

#include <algorithm>
#include <fmt/format.h>
#include <string_view>

#include "text/prompt/stretches.h"

namespace corepulse::text {
namespace {

constexpr size_t kCommaReach = 20, kLongWord = 8;

struct TokenRange {
  size_t begin, end;  // of tokens
};

/** The tokens of a prompt, and the ranges of them between its BREAKs. */
struct Tokens {
  Tokens(const ClipTokenizer& tokenizer, const PromptText& prompt, const TokenChange& change) {
    auto stretches = prompt.stretches;
    if (stretches.empty()) stretches = {{0, static_cast<int>(prompt.text.size())}};
    runs.push_back({0, 0});
    for (size_t s = 0; s < stretches.size(); ++s) {
      const auto& [begin, end, weight, breaks] = stretches[s];
      if (breaks) runs.push_back({all.size(), all.size()});
      const auto part =
          std::string_view(prompt.text).substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      auto tokens = tokenizer.tokenize_all(part);
      if (change) tokens = change(std::move(tokens));
      for (auto token : tokens) {
        token.begin += begin, token.end += begin;
        all.push_back(token), weights.push_back(weight), stretch.push_back(s);
      }
      runs.back().end = all.size();
    }
    // Behind a BREAK at the end is nothing.
    if (runs.size() > 1 && runs.back().begin == runs.back().end) runs.pop_back();
  }

  std::vector<Token> all;
  std::vector<double> weights;  // by token
  std::vector<size_t> stretch;
  std::vector<TokenRange> runs;
};

/** Where the chunks of a run end, by one tool's rule. `room`: the most tokens of one. */
class Cutter {
 public:
  Cutter(const ClipTokenizer& tokenizer, const std::string& text, const Tokens& tokens)
      : tokenizer_(tokenizer), text_(text), tokens_(tokens), room_(static_cast<size_t>(tokenizer.max_length()) - 2) {}

  std::vector<TokenRange> operator()(PromptSyntax syntax) {
    for (const auto& run : tokens_.runs) {
      begin_ = run.begin;
      if (syntax == PromptSyntax::plain)
        end_chunk(std::min(run.end, run.begin + room_));
      else if (syntax == PromptSyntax::a1111)
        cut_a1111(run.end);
      else if (syntax == PromptSyntax::comfy)
        cut_comfy(run.end);
      else
        cut_compel(run.end);
    }
    return std::move(chunks_);
  }

 private:
  void end_chunk(size_t end) {
    chunks_.push_back({begin_, end});
    begin_ = end;
    if (chunks_.size() > kMostChunks)
      refuse_prompt(fmt::format("more than {} chunks of {} tokens; expected fewer", kMostChunks, room_));
  }
  int id(std::string_view mark) const {
    const auto tokens = tokenizer_.tokenize_all(mark);
    return tokens.size() == 1 ? tokens[0].id : -1;
  }

  /** Behind the added word that begins with token i; 0: none does. */
  size_t added_word_end(size_t i, size_t end) const {
    const auto& all = tokens_.all;
    if (all[i].id < kFirstAddedId || (i > 0 && all[i - 1].id + 1 == all[i].id && !all[i - 1].ends_word)) return 0;
    while (i + 1 < end && !all[i].ends_word) ++i;
    return i + 1;
  }

  void cut_a1111(size_t end) {
    const int comma = id(",");
    size_t behind_comma = begin_;  // begin_: there is none in this chunk
    for (size_t i = begin_; i < end; ++i) {
      if (tokens_.all[i].id == comma) {
        behind_comma = i + 1;
      } else if (i - begin_ == room_ && behind_comma > begin_ && i + 1 - behind_comma <= kCommaReach) {
        end_chunk(behind_comma);
        behind_comma = begin_;
      }
      if (i - begin_ < room_ && added_word_end(i, end) <= begin_ + room_) continue;
      end_chunk(i);
      behind_comma = begin_;
    }
    end_chunk(end);
  }

  /** Behind the word that token i belongs to: words stand between spaces, and in one stretch. */
  size_t word_end(size_t i, size_t end) const {
    const auto apart = [&](const Token& a, const Token& b) {
      const auto from = static_cast<size_t>(a.end), to = static_cast<size_t>(b.begin);
      return to > from && std::string_view(text_).substr(from, to - from).find_first_of(" \n") != text_.npos;
    };
    for (++i; i < end; ++i)
      if (tokens_.stretch[i] != tokens_.stretch[i - 1] || apart(tokens_.all[i - 1], tokens_.all[i])) break;
    return i;
  }

  void cut_comfy(size_t end) {
    for (size_t word = begin_; word < end;) {
      const size_t next = word_end(word, end), length = next - word;
      if (next - begin_ <= room_) {
        word = next;
        continue;
      }
      const bool is_cut = length >= kLongWord || length > room_;
      if (is_cut) word = begin_ + room_;
      end_chunk(word);
    }
    end_chunk(end);
  }

  void cut_compel(size_t end) {
    while (end - begin_ > room_) {
      const auto behind_last = [&](auto is_end) {
        for (size_t i = begin_ + room_; i > begin_; --i)
          if (is_end(tokens_.all[i - 1])) return i;
        return begin_;
      };
      const auto behind_mark = [&](std::initializer_list<const char*> marks) {
        std::vector<int> ids;
        for (const char* mark : marks) ids.push_back(id(mark));
        return behind_last([&](const Token& t) { return std::find(ids.begin(), ids.end(), t.id) != ids.end(); });
      };
      size_t cut = behind_mark({"."});
      if (cut == begin_) cut = behind_mark({".", ",", ";", ":"});
      if (cut == begin_) cut = behind_last([](const Token& t) { return t.ends_word; });
      end_chunk(cut == begin_ ? begin_ + room_ : cut);
    }
    end_chunk(end);
  }

  const ClipTokenizer& tokenizer_;
  const std::string& text_;
  const Tokens& tokens_;
  const size_t room_;
  size_t begin_ = 0;  // of the chunk that is filled
  std::vector<TokenRange> chunks_;
};

}  // namespace

ChunkedPrompt chunked(const ClipTokenizer& tokenizer, const PromptText& prompt, PromptSyntax syntax,
                      const TokenChange& change) {
  Tokens tokens(tokenizer, prompt, change);
  ChunkedPrompt made;
  const auto length = static_cast<size_t>(tokenizer.max_length());
  for (const auto& [begin, end] : Cutter(tokenizer, prompt.text, tokens)(syntax)) {
    const size_t first = made.chunks.size() * length + 1;
    auto& chunk = made.chunks.emplace_back();
    chunk.ids.push_back(tokenizer.bos());
    chunk.weights.assign(length, 1);
    for (size_t i = begin; i < end; ++i) {
      made.positions.push_back(static_cast<int>(first + i - begin));
      chunk.weights[i - begin + 1] = tokens.weights[i];
      chunk.ids.push_back(tokens.all[i].id);
    }
    chunk.ids.push_back(tokenizer.eos());
    chunk.ids.resize(length, tokenizer.pad());
  }
  if (made.positions.size() < tokens.all.size())
    made.cut = prompt.text.substr(static_cast<size_t>(tokens.all[made.positions.size()].begin));
  made.tokens = std::move(tokens.all);
  return made;
}

void extend(ChunkedPrompt& prompt, const ClipTokenizer& tokenizer, size_t chunks) {
  if (prompt.chunks.size() >= chunks) return;
  prompt.chunks.resize(chunks, chunked(tokenizer, {}, PromptSyntax::plain).chunks[0]);
}

}  // namespace corepulse::text
