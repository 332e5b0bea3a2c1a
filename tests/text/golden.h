#pragma once
// The tokenizer's golden, read once; made by tests/golden/make_tokenizer_goldens.py.

#include <filesystem>
#include <string>
#include <zlib.h>

#include "io/json.h"
#include "support/places.h"
#include "text/clip_tokenizer.h"

namespace corepulse::text {

inline const std::filesystem::path kModels = test::model_folder();
inline const auto kClipVocabulary = kModels.parent_path() / "data/clip/bpe_simple_vocab_16e6.txt.gz";

inline const io::Json& tokenizer_golden() {
  static const io::Json golden = [] {
    const std::string file = test::golden_folder() + "/tokenizer.json.gz";
    gzFile gz = gzopen(file.c_str(), "rb");
    std::string text;
    char block[1 << 16];
    for (int n = 0; gz && (n = gzread(gz, block, sizeof block)) > 0;) text.append(block, static_cast<size_t>(n));
    if (gz) gzclose(gz);
    return io::parse_json(text, file);
  }();
  return golden;
}

inline const ClipTokenizer& clip_tokenizer(Padding padding = Padding::eos) {
  static const ClipTokenizer eos(read_clip_vocabulary(kClipVocabulary, Padding::eos));
  static const ClipTokenizer exclamation(read_clip_vocabulary(kClipVocabulary, Padding::exclamation));
  return padding == Padding::eos ? eos : exclamation;
}

inline std::vector<int> ids_of(const std::vector<Token>& tokens) {
  std::vector<int> ids;
  for (const auto& token : tokens) ids.push_back(token.id);
  return ids;
}

}  // namespace corepulse::text
