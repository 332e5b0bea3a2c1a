#include <random>

#include "io/digest/sha256.h"
#include "io/digest/sha256_blocks.h"
#include "support.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::io;
using namespace corepulse::test;

namespace {

std::string digest(const std::string& text) {
  Sha256 sum;
  sum.update(std::as_bytes(std::span(text)));
  return sum.hex();
}

}  // namespace

TEST_CASE("SHA-256 gives the standard's values") {
  CHECK(digest("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  CHECK(digest(std::string(1'000'000, 'a')) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("the digest does not depend on how the bytes are cut") {
  std::mt19937 random(5);
  std::string text(1000, '\0');
  for (auto& c : text) c = static_cast<char>(random());
  for (size_t length = 0; length <= text.size(); length += 7) {
    const auto whole = text.substr(0, length);
    Sha256 sum;
    for (size_t at = 0; at < length;) {
      const size_t n = std::min<size_t>(length - at, random() % 150);
      sum.update(std::as_bytes(std::span(whole)).subspan(at, n));
      at += n;
    }
    CHECK(sum.hex() == digest(whole));
  }
}

TEST_CASE("the processor's own instructions give the standard's formula") {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(64 * 50 + 1);
  for (auto& b : bytes) b = static_cast<std::byte>(random());
  for (const size_t blocks : {0, 1, 2, 50}) {
    Sha256State plain, own;
    for (auto& word : plain) word = static_cast<uint32_t>(random());
    own = plain;
    if (!sha256_blocks_x86(own, bytes.data() + 1, blocks)) return;  // there are none
    sha256_blocks_plain(plain, bytes.data() + 1, blocks);
    CHECK(own == plain);
  }
}

TEST_CASE("the built-in model has its checksums, and a changed byte is noticed") {
  check_sha256_sums(fs::path(test::model_folder()) / "builtin" / "SHA256SUMS");
  Folder folder;
  fs::create_directory(folder / "sub");
  put(folder / "sub/a", "abc");
  const std::string line = digest("abc") + "  ./sub/a\n";
  const auto check = [&](const std::string& sums) {
    put(folder / "SUMS", sums);
    return refusal([&] { check_sha256_sums(folder / "SUMS"); });
  };
  CHECK(check(line) == "");
  CHECK(sha256_file(folder / "sub/a") == digest("abc"));
  put(folder / "sub/a", "abd");
  CHECK(has(check(line), {"bad_file: ", "sub/a", "differs"}));
  fs::remove(folder / "sub/a");
  CHECK(has(check(line), {"not_found: ", "sub/a"}));
  CHECK(has(check("nonsense\n"), {"bad_file: ", "SUMS", "nonsense"}));
  CHECK(has(check(digest("") + "  ../outside\n"), {"bad_file: ", "../outside", "expected"}));
  CHECK(has(check(digest("") + "  /etc/passwd\n"), {"bad_file: ", "/etc/passwd", "expected"}));
  CHECK(has(refusal([&] { check_sha256_sums(folder / "none"); }), {"not_found: "}));
}
