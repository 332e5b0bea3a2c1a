#pragma once
// The texts of a run: which prompts must be encoded, and where their words stand.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/inputs.h"

namespace corepulse::control {

/** The embedding at a position of another text. */
struct Pick {
  TextId text = 0;
  int position = 0;
  bool operator==(const Pick&) const = default;
};

/** What the pipeline must encode for a TextId. */
struct ContextSpec {
  std::string prompt;              ///< Without the syntax that it was written in.
  std::vector<Stretch> stretches;  ///< Of it, see PromptText.
  /** Used as a negative prompt: a model may give it zeros where it is empty (SDXL). */
  bool negative = false;
  /** Not empty: nothing is encoded; position p holds the embedding picks[p] of a text with a smaller id. */
  std::vector<Pick> picks;
  std::optional<PromptText> second;  ///< What all text encoders but the first read instead.
  double noise = 0;                  ///< Standard deviation of Gaussian noise added to the embeddings.
  unsigned noise_seed = 0;
  WeightChanges changes = {};  ///< Of the text encoders that read it, beside those of the call.
  bool operator==(const ContextSpec&) const = default;

  PromptText text() const { return {prompt, stretches}; }
};

/** Where some words of a text are. */
struct Found {
  std::vector<int> positions;  ///< In the context; empty: the text does not hold them.
  bool cut = false;            ///< It does, but where the context ends already.
};

/** One text with some words exchanged. */
struct Exchanged {
  int text = 0;
  std::vector<int> from;  ///< Per position, the position in the old text, or -1 for the new words.
};

/** All texts of a run by internal number; public ids are given when a plan first reads a text. */
class TextTable {
 public:
  /** A phrase in a text: tokens, of which the first and the last may reach beyond its bytes. */
  struct Match {
    size_t token = 0, count = 0;
    int begin = 0, end = 0;  ///< Bytes.
  };

  /** Numbers 0 and 1 (and ids 0 and 1) are the prompt and the negative prompt, as written. */
  TextTable(const Tokenizer& tokenizer, const std::string& prompt, const std::string& negative,
            const PromptReader& reader = {}, const std::string& prompt_2 = "", const std::string& negative_2 = "");

  /** Gives texts the ids they have in this list, which begins with the same two. */
  void adopt(const std::vector<ContextSpec>& specs);

  /** A prompt as written. Prompts of the same tokens and weights share a number. */
  int add(const std::string& written, bool negative = false);
  /** One that an image reads as its own in the prompt's place: the second text encoder's stays the run's. */
  int add_own(const std::string& written);
  int add_noise(int text, double noise, unsigned seed);
  /** The text as text encoders read it that the adapter changes, too. */
  int add_changed(int text, const WeightChange& change);
  /** The prompt or the negative prompt (number 0 or 1) is another text at some steps: by step, as written. */
  void change(int text, const std::vector<std::string>& by_step);
  bool changes(int text) const { return text < 2 && !by_step_[text].empty(); }
  /** What is read at a step where a text is meant: itself, unless it changes. */
  int at(int text, int step) const;
  /** The text with every occurrence of a phrase replaced; `keep`: all other embeddings stay. */
  Exchanged exchange(int text, const Tokens& tokens, const std::string& with, bool keep);

  const std::string& prompt(int text) const { return texts_[text].spec.prompt; }
  /** Positions in its context. */
  int keys(int text) const { return static_cast<int>(tokens(text).ids.size()); }
  /** Tokens with their bytes in prompt(text). */
  const TokenizedText& tokens(int text) const { return texts_[text].encoders.front(); }
  const Found& find(int text, const Tokens& tokens);
  /** That words stand at the same places for all text encoders that read the same. @throws Error{invalid_request} else;
   * so do find and exchange. */
  void require_even(int text) const;

  TextId publish(int text);
  TextId id(int text) const { return texts_[text].id; }  ///< -1: never read.
  const std::vector<ContextSpec>& specs() const { return specs_; }
  /** The internal number of a public id. */
  int number(TextId id) const { return numbers_[id]; }

 private:
  struct Text {
    ContextSpec spec;  // picks by internal number
    std::vector<TokenizedText> encoders;
    TextId id = -1;
  };
  const std::vector<TokenizedText>& tokenize(const PromptText& prompt, const std::optional<PromptText>& second = {});
  std::vector<TokenizedText> tokenized_apart(const PromptText& prompt, const PromptText& second) const;
  int add(const PromptText& prompt, bool negative, const std::optional<PromptText>& second = {});
  std::vector<Match> matches(int text, const Tokens& tokens);
  Found search(int text, const Tokens& tokens);
  int add_text(Text text);
  /** A text that may be there already. */
  int find_or_add(Text text);
  /** The text `next` with the embeddings of `text` where its words come from there. */
  int kept(int text, int next, const std::vector<int>& from);

  const Tokenizer& tokenizer_;
  PromptReader reader_;
  struct Tokenized {
    PromptText prompt;
    std::optional<PromptText> second;
    std::vector<TokenizedText> encoders;
  };
  std::map<std::string, std::vector<Tokenized>> tokenized_;
  std::vector<Text> texts_;
  std::map<std::tuple<bool, std::vector<std::vector<int>>, std::vector<std::vector<double>>>, int> plain_;
  std::map<std::tuple<int, std::string, int, int>, Found> found_;
  std::vector<ContextSpec> specs_;
  std::vector<int> numbers_;
  std::vector<int> by_step_[2];
  std::optional<PromptText> second_[2];  // of the prompt and the negative prompt
};

}  // namespace corepulse::control
