// The text chunks of a PNG file, without its pixels: PNG (third edition) 11.3.3.
#include <fmt/format.h>
#include <zlib.h>

#include "base/fail.h"
#include "io/picture/image_format.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace {

constexpr size_t kMostTexts = 1000;

uint32_t big_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

[[noreturn]] void damaged(std::string_view file, std::string_view what) {
  fail(ErrorCode::bad_file, "image", fmt::format("{}: damaged PNG: {}", file, what));
}

std::string inflate_text(std::string_view packed, std::string_view file) {
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) fail(ErrorCode::out_of_memory, "image", "no memory to read text");
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  std::string text;
  std::string piece(1 << 16, '\0');
  int state = Z_OK;
  while (state == Z_OK && text.size() <= kMostImageText) {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    state = inflate(&stream, Z_NO_FLUSH);
    text.append(piece, 0, piece.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (state == Z_OK) damaged(file, "more text than allowed");
  if (state != Z_STREAM_END) damaged(file, "packed text that cannot be unpacked");
  return text;
}

std::string from_latin1(std::string_view text) {
  std::string out;
  for (const unsigned char c : text) append_utf8(out, c);
  return out;
}

std::string repaired_utf8(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) append_utf8(out, next_code_point(text, i).value_or(0xFFFD));
  return out;
}

// Cuts off and returns what stands before the next NUL.
std::string_view field(std::string_view& rest, std::string_view file) {
  const auto nul = rest.find('\0');
  if (nul == rest.npos) damaged(file, "a text chunk that ends too early");
  const auto first = rest.substr(0, nul);
  rest.remove_prefix(nul + 1);
  return first;
}

// One tEXt, zTXt or iTXt chunk.
std::pair<std::string, std::string> read_text(std::string_view type, std::string_view rest, std::string_view file) {
  const auto key = field(rest, file);
  if (key.empty() || key.size() > 79) damaged(file, "a text chunk with a keyword of the wrong length");
  if (type == "tEXt") return {from_latin1(key), from_latin1(rest)};
  const size_t flags = type == "zTXt" ? 1 : 2;
  if (rest.size() < flags) damaged(file, "a text chunk that ends too early");
  const bool packed = type == "zTXt" || rest[0] == 1;
  if (packed && rest[flags - 1] != 0) damaged(file, "text packed by an unknown method");
  rest.remove_prefix(flags);
  if (type == "zTXt") return {from_latin1(key), from_latin1(inflate_text(rest, file))};
  field(rest, file);  // language
  field(rest, file);  // translated keyword
  return {from_latin1(key), repaired_utf8(packed ? inflate_text(rest, file) : rest)};
}

}  // namespace

ImageText read_png_text(std::string_view bytes, std::string_view file) {
  ImageText texts;
  size_t total = 0, count = 0;
  bytes.remove_prefix(8);  // the signature
  while (bytes.size() >= 12) {
    const size_t size = big_endian(bytes);
    if (size > bytes.size() - 12) damaged(file, "it is cut short");
    const auto type = bytes.substr(4, 4), data = bytes.substr(8, size);
    if (type == "IEND") return texts;
    if (type == "tEXt" || type == "zTXt" || type == "iTXt") {
      const auto sum = crc32(0, reinterpret_cast<const Bytef*>(type.data()), static_cast<uInt>(size + 4));
      if (sum != big_endian(bytes.substr(8 + size))) damaged(file, "a text chunk with a wrong checksum");
      auto [key, text] = read_text(type, data, file);
      total += text.size();
      if (total > kMostImageText || ++count > kMostTexts) damaged(file, "more text than allowed");
      texts[std::move(key)] = std::move(text);
    }
    bytes.remove_prefix(12 + size);
  }
  damaged(file, "it is cut short");
}

}  // namespace corepulse::io
