#include "io/digest/sha256.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/digest/sha256_blocks.h"
#include "io/file.h"
#include "io/utf8.h"

namespace corepulse::io {

const std::array<uint32_t, 64> kSha256Round = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

namespace {

void add_block(Sha256State& state, const std::byte* bytes) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    w[i] = 0;
    for (int k = 0; k < 4; ++k) w[i] = w[i] << 8 | std::to_integer<uint32_t>(bytes[4 * i + k]);
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) + w[i - 7] +
           (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
  }
  auto [a, b, c, d, e, f, g, h] = state;
  for (int i = 0; i < 64; ++i) {
    const uint32_t t1 =
        h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) + ((e & f) ^ (~e & g)) + kSha256Round[i] + w[i];
    const uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  const uint32_t add[8] = {a, b, c, d, e, f, g, h};
  for (int i = 0; i < 8; ++i) state[i] += add[i];
}

}  // namespace

void sha256_blocks_plain(Sha256State& state, const std::byte* bytes, size_t blocks) {
  for (; blocks > 0; --blocks, bytes += 64) add_block(state, bytes);
}

void Sha256::blocks(const std::byte* bytes, size_t n) {
  if (!sha256_blocks_x86(state_, bytes, n)) sha256_blocks_plain(state_, bytes, n);
}

void Sha256::update(std::span<const std::byte> bytes) {
  size_t kept = total_ % 64;
  total_ += bytes.size();
  if (kept + bytes.size() >= 64 && kept > 0) {
    const size_t take = 64 - kept;
    std::copy_n(bytes.begin(), take, rest_.begin() + kept);
    blocks(rest_.data(), 1);
    bytes = bytes.subspan(take);
    kept = 0;
  }
  blocks(bytes.data(), bytes.size() / 64);
  bytes = bytes.subspan(bytes.size() / 64 * 64);
  std::copy(bytes.begin(), bytes.end(), rest_.begin() + kept);
}

std::string Sha256::hex() {
  const uint64_t bits = total_ * 8;
  std::array<std::byte, 72> tail{std::byte{0x80}};
  const size_t zeros = (119 - total_ % 64) % 64;  // the tail ends a block, with room for the length
  for (int i = 0; i < 8; ++i) tail[1 + zeros + i] = static_cast<std::byte>(bits >> (56 - 8 * i));
  update(std::span(tail).first(zeros + 9));
  std::string text;
  for (const auto word : state_) text += fmt::format("{:08x}", word);
  return text;
}

std::string sha256_of(std::string_view bytes) {
  Sha256 sum;
  sum.update(std::as_bytes(std::span(bytes)));
  return sum.hex();
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::string sha256_file(const std::filesystem::path& file) {
  Sha256 sum;
  read_in_pieces(file, [&](std::span<const std::byte> piece) { sum.update(piece); });
  return sum.hex();
}

void check_sha256_sums(const std::filesystem::path& sums) {
  const std::string text = read_file(sums, 1u << 20);
  const std::string list = shown(sums);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = std::string_view(text).substr(at, end - at);
    at = end + 1;
    if (line.empty()) continue;
    const auto digest = line.substr(0, 64);
    const std::filesystem::path name(line.size() > 66 ? line.substr(66) : "");
    const bool outside = name.is_absolute() || std::find(name.begin(), name.end(), "..") != name.end();
    if (!is_sha256(digest) || name.empty() || outside)
      fail(ErrorCode::bad_file, "sha256",
           fmt::format("{}: the line \"{}\"; expected \"digest  name\"", list, printable(line, 120)));
    const auto file = sums.parent_path() / name;
    if (sha256_file(file) != digest)
      fail(ErrorCode::bad_file, "sha256",
           fmt::format("{}: differs from its checksum in {}; install it again", shown(file.lexically_normal()), list));
  }
}

}  // namespace corepulse::io
