#pragma once
// Edits of the keys of some words.

#include "control/readings/effect.h"

namespace corepulse::control {

/** An edit of every reading whose text holds the words. */
class TokenEdit : public AttentionEffect {
 public:
  TokenEdit(const Tokens& words, std::vector<const Curve*> curves)
      : AttentionEffect(std::move(curves)), words_(words) {}

  const Tokens* tokens() const override { return &words_; }
  bool apply(Mix& mix, const Moment& moment) const override;
  std::string never(const std::string& texts) const override;

 protected:
  /** Whether the reading can be edited so. */
  virtual bool fits(const Draft&) const { return true; }
  /** @param keys of the words in the reading's text. */
  virtual void change(Draft& reading, const std::vector<int>& keys, const Moment& moment) const = 0;

 private:
  const Tokens& words_;
};

/** The places of the words in the text that a reading says, or null; notes in `moment` where it looked. */
const std::vector<int>* keys_of(const Tokens& words, const Draft& reading, const Moment& moment);

/** 1 for every place of that text, `value` at `keys`. */
std::vector<double> at_keys(const Draft& reading, const std::vector<int>& keys, double value, const Moment& moment);

/** All keys and values of the reading's text times these. */
void scale_text(Draft& reading, double keys, double values, const Moment& moment);

/** The reading's text with other words in place of these; `keep`: all other embeddings stay. */
void exchange_words(Draft& reading, const Tokens& words, const std::string& with, bool keep, const Moment& moment);

/** "the phrase \"dog\" is in no prompt that is read here; ...", for AttentionEffect::never. */
std::string phrase_not_found(const Tokens& words, const std::string& texts);

}  // namespace corepulse::control
