// The hash of O'Neill's seed_seq (2015) with numpy's constants: every word of the pool depends on every word of the
// entropy.
#include "sampler/noise/seed_sequence.h"

#include <algorithm>

namespace corepulse::sampler {
namespace {

/** A word's hash under a constant that goes on from word to word. */
class WordHash {
 public:
  WordHash(uint32_t start, uint32_t factor) : constant_(start), factor_(factor) {}

  uint32_t operator()(uint32_t word) {
    word ^= constant_;
    constant_ *= factor_;
    word *= constant_;
    return word ^ word >> 16;
  }

 private:
  uint32_t constant_, factor_;
};

uint32_t mixed(uint32_t a, uint32_t b) {
  const uint32_t sum = 0xCA01F9DDu * a - 0x4973F715u * b;
  return sum ^ sum >> 16;
}

// Low words first; 0 has one.
void append_words(uint64_t number, std::vector<uint32_t>& words) {
  words.push_back(static_cast<uint32_t>(number));
  if (number >> 32) words.push_back(static_cast<uint32_t>(number >> 32));
}

}  // namespace

std::vector<uint32_t> seed_words(uint64_t entropy, const std::vector<uint64_t>& spawn_key, size_t pool_size,
                                 size_t count) {
  std::vector<uint32_t> words;
  append_words(entropy, words);
  // Zeros up to the pool's size, so that a key is never taken for entropy.
  if (!spawn_key.empty()) words.resize(std::max(words.size(), pool_size));
  for (const uint64_t key : spawn_key) append_words(key, words);

  WordHash hash(0x43B0D7E5, 0x931E8875);
  std::vector<uint32_t> pool(pool_size);
  for (size_t i = 0; i < pool_size; ++i) pool[i] = hash(i < words.size() ? words[i] : 0);
  for (size_t from = 0; from < pool_size; ++from)
    for (size_t to = 0; to < pool_size; ++to)
      if (from != to) pool[to] = mixed(pool[to], hash(pool[from]));
  for (size_t from = pool_size; from < words.size(); ++from)
    for (auto& word : pool) word = mixed(word, hash(words[from]));

  WordHash output(0x8B51F9DD, 0x58F38DED);
  std::vector<uint32_t> result(count);
  for (size_t i = 0; i < count; ++i) result[i] = output(pool[i % pool_size]);
  return result;
}

}  // namespace corepulse::sampler
