#include "io/base64.h"

#include <doctest/doctest.h>
#include <random>

using corepulse::io::from_base64, corepulse::io::to_base64;

TEST_CASE("base64 gives the standard's values, and comes back") {
  const std::pair<const char*, const char*> values[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"},
                                                        {"\xfb\xff\xbf", "+/+/"}};
  for (const auto& [bytes, text] : values) {
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
  std::mt19937 random(1);
  for (size_t size = 0; size < 100; ++size) {
    std::string bytes(size, '\0');
    for (auto& c : bytes) c = static_cast<char>(random());
    CHECK(from_base64(to_base64(bytes)) == bytes);
  }
}

TEST_CASE("what is no base64 is not read") {
  for (const char* text :
       {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zg==Zg==", "Zh==", "Zm9=", "Zm 9", "Zm9\n", "Zm9-", "Z=g=", "=Zg="})
    CHECK_FALSE(from_base64(text));
}
