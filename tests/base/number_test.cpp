// Numbers in text, whatever the locale.

#include "base/number.h"

#include <clocale>
#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <limits>
#include <string>

using namespace corepulse;

namespace {

struct Taken {
  std::string text;
  double value;
  size_t length;
};

void check(const Taken& taken) {
  CAPTURE(taken.text);
  const auto number = leading_number(taken.text);
  REQUIRE(number);
  CHECK(number->value == taken.value);
  CHECK(std::signbit(number->value) == std::signbit(taken.value));
  CHECK(number->length == taken.length);
}

// Restores the locale of the other tests.
struct DecimalComma {
  std::string before = std::setlocale(LC_ALL, nullptr);
  bool found = false;
  DecimalComma() {
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8", "fr_FR"})
      found = found || std::setlocale(LC_ALL, name) != nullptr;
  }
  ~DecimalComma() { std::setlocale(LC_ALL, before.c_str()); }
};

}  // namespace

TEST_CASE("a number ends where no longer number could be meant") {
  for (const Taken& taken : {Taken{"7", 7, 1},
                             {"-12.5 px", -12.5, 5},
                             {"1.", 1, 2},
                             {".5,2", .5, 2},
                             {"2e-3:", 2e-3, 4},
                             {"1E+2", 100, 4},
                             {"1e", 1, 1},
                             {"1e+", 1, 1},
                             {"3edge", 3, 1},
                             {"1.2.3", 1.2, 3},
                             {"0x10", 0, 1},
                             {"-0", -0.0, 2},
                             {"0e9999", 0, 6},
                             {"inf", INFINITY, 3},
                             {"-Infinity.", -INFINITY, 9},
                             {"infin", INFINITY, 3}})
    check(taken);
}

TEST_CASE("a number is the nearest double of all its digits") {
  check({"0.1", 0.1, 3});
  check({"14.614642", 14.614642, 9});
  check({"9007199254740993", 9007199254740992.0, 16});
  check({"9007199254740993.00000000000000000000001", 9007199254740994.0, 40});
  check({"1.7976931348623157e308", std::numeric_limits<double>::max(), 22});
  check({"4.9406564584124654e-324", std::numeric_limits<double>::denorm_min(), 23});
  check({"0." + std::string(400, '0') + "1e401", 1, 407});
}

TEST_CASE("what starts no number, or one that no double holds, is none") {
  for (const char* text : {"", "-", ".", "-.", "e5", ".e5", "+1", " 1", "--1", "nan", "-nan", "in", "one", "1e999",
                           "-1e999", "1e-999", ",5"}) {
    CAPTURE(text);
    CHECK_FALSE(leading_number(text));
  }
}

TEST_CASE("a number's point is a point where the application's locale has a comma") {
  DecimalComma locale;
  if (!locale.found) {
    MESSAGE("not tested: no locale with a decimal comma is installed");
    return;
  }
  REQUIRE(std::strtod("1.5", nullptr) == 1);  // the trap is set
  check({"1.5", 1.5, 3});
  check({"1,5", 1, 1});
  check({"-2.25e-3", -2.25e-3, 8});
}
