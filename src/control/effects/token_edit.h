#pragma once
// Edits of some tokens' numbers: what reweight, mask_tokens and value_gain have in common.

#include "control/effects/effect.h"

namespace corepulse::control {

/** The keys of `tokens` in a reading's text, or null; notes in `moment` where it looked. */
const std::vector<int>* keys_of(const Tokens& tokens, const Draft& reading, const Moment& moment);

/** 1 for every key of the reading's text, `value` at `keys`. */
std::vector<double> at_keys(const Draft& reading, const std::vector<int>& keys, double value, const Moment& moment);

/** "the phrase \"dog\" stands in no prompt that is read here: \"a cat\"", for AttentionEffect::never. */
std::string phrase_not_found(const Tokens& tokens, const std::string& texts);

}  // namespace corepulse::control
