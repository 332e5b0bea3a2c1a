#include "io/utf8.h"

#include "support.h"

using namespace corepulse::io;

TEST_CASE("every code point survives the way to UTF-8 and back") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    size_t i = 0;
    const auto back = next_code_point(text, i);
    if (back != c || i != text.size()) FAIL(static_cast<unsigned>(c));
  }
}

TEST_CASE("overlong forms, surrogates, cut-off and stray bytes are not UTF-8") {
  for (const char* text : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82",
                           "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80",
                           "\xf5\x80\x80\x80", "\xff", "a\xc3z", "\xe2\x28\xa1"}) {
    CAPTURE(text);
    CHECK_FALSE(is_utf8(text));
  }
  CHECK(is_utf8("größer 猫 😀"));
}

TEST_CASE("hostile text in a message is escaped and shortened") {
  CHECK(printable("größer") == "größer");
  CHECK(printable("a\nb\x1b\x7f\xff") == "a\\x0ab\\x1b\\x7f\\xff");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(printable(std::string(1000, 'x'), 10) == "xxxxxxxxxx...");
}
