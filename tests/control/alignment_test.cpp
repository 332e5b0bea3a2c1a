// Prompt-to-prompt's maps between the tokens of two prompts, against stored ones (tests/golden/README.md).
#include "control/texts/alignment.h"

#include <doctest/doctest.h>
#include <numeric>

#include "io/file.h"
#include "io/json.h"
#include "support.h"
#include "support/places.h"

namespace corepulse::control::test {
namespace {

const io::Json& stored_maps() {
  static const auto maps =
      io::parse_json(io::read_file(corepulse::test::golden_folder() + "/token_maps.json", 1 << 24), "token_maps");
  return maps;
}

/** A prompt whose words have these many tokens: where a token lies in its word is not told. */
TokenizedText tokens_of(const std::string& prompt, const std::vector<int>& ids, const std::vector<int>& counts) {
  TokenizedText text{ids};
  text.ids.resize(77, ids.back());
  int begin = 0, next = 1;
  for (const int count : counts) {
    while (begin < static_cast<int>(prompt.size()) && prompt[begin] == ' ') ++begin;
    const auto end = static_cast<int>(std::min(prompt.find(' ', static_cast<size_t>(begin)), prompt.size()));
    for (int i = 0; i < count; ++i) {
      text.positions.push_back(next);
      text.tokens.push_back({ids[next++], begin, end});
    }
    if (count > 0) begin = end;
  }
  return text;
}

std::vector<double> dense(const io::Json& sparse) {
  std::vector<double> map(77 * 77);
  for (const auto& entry : sparse) map[entry[0].get<size_t>() * 77 + entry[1].get<size_t>()] = entry[2];
  return map;
}

}  // namespace

TEST_CASE("refine aligns the tokens of two prompts: what is new has no partner, padding is padding") {
  for (const auto& pair : stored_maps()) {
    const std::string base = pair["base"], edit = pair["edit"];
    CAPTURE(base);
    CAPTURE(edit);
    const auto from = tokens_of(base, pair["base_ids"], pair["base_words"]);
    const auto to = tokens_of(edit, pair["edit_ids"], pair["edit_words"]);
    const auto map = aligned(from, to);
    const auto& right = pair["right"]["refine"];
    for (size_t j = 0; j < 77; ++j) {
      CAPTURE(j);
      CHECK(map.known[j] == right["alpha"][j].get<double>());
      const int partner = right["map"][j];
      for (size_t i = 0; i < 77; ++i) CHECK(map.weights[i * 77 + j] == (static_cast<int>(i) == partner ? 1 : 0));
    }
  }
}

TEST_CASE("replace takes word by word, whatever their tokens, and what follows keeps its partners") {
  int compared = 0;
  for (const auto& pair : stored_maps()) {
    const std::string base = pair["base"], edit = pair["edit"];
    CAPTURE(base);
    CAPTURE(edit);
    const auto& right = pair["right"]["replace"];
    CHECK((count_words(base) == count_words(edit)) == !right.is_null());
    if (right.is_null()) continue;
    const auto map = word_by_word(base, tokens_of(base, pair["base_ids"], pair["base_words"]), edit,
                                  tokens_of(edit, pair["edit_ids"], pair["edit_words"]));
    const auto expected = dense(right);
    for (size_t i = 0; i < expected.size(); ++i)
      if (std::abs(map.weights[i] - expected[i]) > 1e-6)
        FAIL_CHECK("at ", i / 77, ", ", i % 77, ": ", map.weights[i], " for ", expected[i]);
    for (size_t i = 0; i < 77; ++i)
      CHECK(std::accumulate(&map.weights[i * 77], &map.weights[i * 77] + 77, 0.0) == doctest::Approx(1));
    ++compared;
  }
  CHECK(compared >= 8);
}

}  // namespace corepulse::control::test
