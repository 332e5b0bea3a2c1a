#pragma once
// Byte-pair encoding of one word.

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/vocabulary.h"

namespace corepulse::text {

/** Merges adjacent symbols by rank (Sennrich et al. 2016), starting from bytes. */
class BytePairs {
 public:
  /** @throws Error{bad_file} if a merge names a token that the vocabulary lacks. */
  explicit BytePairs(const Vocabulary& vocabulary);

  /** A token and the bytes [begin, end) of the word that it stands for. */
  struct Unit {
    int id = 0, begin = 0, end = 0;
  };

  /** The tokens of one word. O(n log n) in its bytes. */
  std::vector<Unit> encode(std::string_view word) const;

 private:
  struct Merge {
    int rank = 0, id = 0;
  };
  struct Symbol;
  struct Candidate;
  const Merge* find(int left, int right) const;
  std::vector<Symbol> symbols_of(std::string_view word) const;

  int byte_ids_[256], last_byte_ids_[256];  // A word's last byte carries "</w>".
  std::unordered_map<uint64_t, Merge> merges_;
};

}  // namespace corepulse::text
