#include "text/byte_pairs.h"

#include <fmt/format.h>
#include <queue>

#include "base/fail.h"
#include "io/utf8.h"

namespace corepulse::text {
namespace {

uint64_t key(int left, int right) {
  return static_cast<uint64_t>(left) << 32 | static_cast<uint32_t>(right);
}

int require(const Vocabulary& vocabulary, const std::string& token) {
  const int id = vocabulary.id(token);
  if (id < 0)
    fail(ErrorCode::bad_file, "tokenizer",
         fmt::format("a merge names the token \"{}\", which the vocabulary lacks; expected a "
                     "vocabulary and merges of one tokenizer",
                     io::printable(token)));
  return id;
}

}  // namespace

struct BytePairs::Symbol {
  int id, begin, end;
  int previous, next;  // Indices of the neighbours; -1 at the ends. A merged-away symbol has id -1.
};

struct BytePairs::Candidate {
  int rank, left, id;
  /** The queue gives the best rank first, and among equal ones the leftmost. */
  bool operator<(const Candidate& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
};

BytePairs::BytePairs(const Vocabulary& vocabulary) {
  for (int b = 0; b < 256; ++b) {
    const auto& character = byte_alphabet()[b];
    const int id = vocabulary.id(character);
    const int last = vocabulary.id(character + std::string(kEndOfWord));
    byte_ids_[b] = id < 0 ? vocabulary.unk : id;
    last_byte_ids_[b] = last < 0 ? vocabulary.unk : last;
  }
  merges_.reserve(vocabulary.merges.size());
  int rank = 0;
  for (const auto& [left, right] : vocabulary.merges) {
    const auto pair = key(require(vocabulary, left), require(vocabulary, right));
    merges_[pair] = {rank++, require(vocabulary, left + right)};
  }
}

const BytePairs::Merge* BytePairs::find(int left, int right) const {
  const auto found = merges_.find(key(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::vector<BytePairs::Symbol> BytePairs::symbols_of(std::string_view word) const {
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  const int n = static_cast<int>(word.size());
  for (int i = 0; i < n; ++i) {
    const auto byte = static_cast<unsigned char>(word[i]);
    const int id = i + 1 == n ? last_byte_ids_[byte] : byte_ids_[byte];
    symbols.push_back({id, i, i + 1, i - 1, i + 1 == n ? -1 : i + 1});
  }
  return symbols;
}

std::vector<BytePairs::Unit> BytePairs::encode(std::string_view word) const {
  auto symbols = symbols_of(word);
  std::priority_queue<Candidate> queue;
  const auto offer = [&](int left) {
    if (left < 0 || symbols[left].next < 0) return;
    const auto* merge = find(symbols[left].id, symbols[symbols[left].next].id);
    if (merge) queue.push({merge->rank, left, merge->id});
  };
  for (int i = 0; i < static_cast<int>(symbols.size()); ++i) offer(i);

  while (!queue.empty()) {
    const auto best = queue.top();
    queue.pop();
    auto& left = symbols[best.left];
    if (left.id < 0 || left.next < 0) continue;
    auto& right = symbols[left.next];
    const auto* merge = find(left.id, right.id);
    if (!merge || merge->id != best.id) continue;  // Its neighbour has changed since it was queued.
    left = {best.id, left.begin, right.end, left.previous, right.next};
    right.id = -1;
    if (left.next >= 0) symbols[left.next].previous = best.left;
    offer(left.previous);
    offer(best.left);
  }

  std::vector<Unit> units;
  for (const auto& s : symbols)
    if (s.id >= 0) units.push_back({s.id, s.begin, s.end});
  return units;
}

}  // namespace corepulse::text
