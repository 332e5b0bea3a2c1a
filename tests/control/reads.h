#pragma once
// What the composition rule knows of texts: whose embedding a key is, where words stand, and how a reading is edited.

#include "reference.h"

namespace corepulse::control::test {

/** A number for "prompt#position"; spellings of a prompt that differ in case have the same. */
int key(const std::string& prompt, int position);
std::string key_name(int number);

/** The whole prompt as it is. */
Read of_text(const std::string& prompt, size_t keys = 77);
/** Of the tokens' words in the prompt. */
std::vector<int> positions(const std::string& prompt, const Tokens& tokens);
/** The reading of the prompt with the phrase exchanged; keys that stay take their numbers along. */
Read exchanged(const Read& old, const Tokens& tokens, std::string with, bool keep);

/**
 * What is read becomes s times as much at `places`, the rest adjusted. Where keys stand for several values, or for less
 * than one: a key's weight is what all its values' are together, what it leaves out weighing 1.
 */
void weigh(Read& read, const std::vector<int>& places, double s);
/** The reading with another image's attention: what was done to the own one is gone. */
Read seen_by(const Read& read, int image);

}  // namespace corepulse::control::test
