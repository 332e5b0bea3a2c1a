#include "text/vocabulary.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <zlib.h>

#include "base/fail.h"
#include "io/utf8.h"
#include "text/merges.h"

namespace corepulse::text {
namespace {

constexpr int kClipMerges = 49152 - 256 - 2;  // The file holds more; CLIP was trained with these.
constexpr size_t kMostBytes = 4u << 20;
constexpr size_t kBlock = 1u << 16;

/** The first `lines` lines of a compressed file, and perhaps more. */
std::string read_gz(const std::filesystem::path& file, int lines) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored))
    fail(ErrorCode::not_found, "vocabulary",
         fmt::format("{} is not there; expected CLIP's vocabulary as shipped in data/clip; "
                     "install the program with its data, or name a tokenizer folder",
                     file.string()));
  const auto close = [](gzFile f) { gzclose(f); };
  const std::unique_ptr<gzFile_s, decltype(close)> gz(gzopen(file.c_str(), "rb"), close);
  if (!gz) fail(ErrorCode::io, "vocabulary", fmt::format("cannot open {}", file.string()));
  std::string text;
  int n = 1;
  for (std::ptrdiff_t seen = 0; n > 0 && seen < lines && text.size() < kMostBytes;) {
    const size_t before = text.size();
    text.resize(before + kBlock);
    n = gzread(gz.get(), text.data() + before, kBlock);
    text.resize(before + static_cast<size_t>(std::max(n, 0)));
    seen += std::count(text.begin() + static_cast<std::ptrdiff_t>(before), text.end(), '\n');
  }
  int error = Z_OK;
  gzerror(gz.get(), &error);
  if (n < 0 || error != Z_OK)
    fail(ErrorCode::bad_file, "vocabulary",
         fmt::format("{} is damaged; expected CLIP's vocabulary, compressed by gzip", file.string()));
  return text;
}

/** Bytes that print keep their Latin-1 character; the others follow from U+0100 on. */
bool prints(int b) {
  return (b > 32 && b < 127) || (b > 160 && b != 173);
}

}  // namespace

const std::vector<std::string>& byte_alphabet() {
  static const auto alphabet = [] {
    std::vector<std::string> characters(256);
    char32_t next = 0x100;
    for (int b = 0; b < 256; ++b) io::append_utf8(characters[b], prints(b) ? static_cast<char32_t>(b) : next++);
    return characters;
  }();
  return alphabet;
}

Vocabulary read_clip_vocabulary(const std::filesystem::path& gz_file, Padding padding) {
  Vocabulary v;
  v.merges = parse_merges(read_gz(gz_file, kClipMerges + 1), gz_file.string(), kClipMerges);
  if (v.merges.size() != kClipMerges)
    fail(ErrorCode::bad_file, "vocabulary",
         fmt::format("{} holds {} merges; expected {} or more", gz_file.string(), v.merges.size(), kClipMerges));
  v.ids.reserve(kClipMerges + 514);
  const auto add = [&](std::string token) { v.ids.emplace(std::move(token), static_cast<int>(v.ids.size())); };
  // CLIP numbers the characters, not the bytes: those that print come first.
  for (const auto* suffix : {"", "</w>"})
    for (const bool wanted : {true, false})
      for (int b = 0; b < 256; ++b)
        if (prints(b) == wanted) add(byte_alphabet()[b] + suffix);
  for (const auto& [left, right] : v.merges) add(left + right);
  add(std::string(kStartOfText));
  add(std::string(kEndOfText));
  v.bos = v.id(std::string(kStartOfText));
  v.eos = v.unk = v.pad = v.id(std::string(kEndOfText));
  v.added = {{std::string(kStartOfText), v.bos}, {std::string(kEndOfText), v.eos}};
  if (padding == Padding::exclamation) {
    v.pad = 0;
    v.added.push_back({"!", v.pad});
  }
  return v;
}

}  // namespace corepulse::text
