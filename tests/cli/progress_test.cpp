// What a person sees while a run goes on.

#include "terminal/progress.h"

#include <doctest/doctest.h>

using namespace corepulse::cli;

TEST_CASE("the bar is narrower than every terminal, whatever the title") {
  const std::string wide = "\xe7\x8c\xab";  // two columns
  for (const auto& title : {std::string("drawing"), std::string(300, 'x'), wide + wide + wide + wide, std::string()})
    for (int columns = 1; columns < 200; ++columns) {
      const auto line = progress_bar(title, 7, 20, 0.25, columns);
      CAPTURE(columns);
      CAPTURE(line);
      CHECK(columns_of(line) < columns);
      CHECK(line.find('\n') == line.npos);
    }
}

TEST_CASE("the bar says how far and how long, as far as there is room") {
  CHECK(progress_bar("drawing", 5, 20, 0.25, 80) == "drawing [======                  ] 5/20  0.25 s/step, 4 s left");
  CHECK(progress_bar("drawing", 5, 20, 0.25, 50) == "drawing [==      ] 5/20  0.25 s/step, 4 s left");
  CHECK(progress_bar("drawing", 5, 20, 0.25, 40) == "drawing 5/20  0.25 s/step, 4 s left");
  CHECK(progress_bar("drawing", 5, 20, 0.25, 33) == "draw 5/20  0.25 s/step, 4 s left");
  CHECK(progress_bar("drawing", 5, 20, 0.25, 10) == "5/20");
}

TEST_CASE("a character is never cut in two") {
  for (int columns = 28; columns < 60; ++columns) {
    const auto line = progress_bar(std::string(30, ' ') + "\xe7\x8c\xab\xe7\x8c\xab", 5, 20, 0.25, columns);
    const auto first = line.find('\xe7');
    if (first != line.npos) CHECK(line.substr(first, 3) == "\xe7\x8c\xab");
  }
}

TEST_CASE("lines are few however many the steps, and never far apart in time") {
  for (const int steps : {1, 3, 10, 20, 1000}) {
    int lines = 0;
    for (int step = 1; step <= steps; ++step) lines += is_line_due(step, steps, 0.1);
    CHECK(lines <= 11);
    CHECK(lines >= std::min(steps, 10));
    CHECK(is_line_due(1, steps, 0));
    CHECK(is_line_due(steps, steps, 0));
  }
  CHECK(is_line_due(437, 1000, 12));
}

TEST_CASE("a run of minutes is announced with its time and memory, a short one is not") {
  CHECK(long_run({.seconds = 3, .bytes = 1, .model_calls = 20}).empty());
  const auto line = long_run({.seconds = 7260, .bytes = 18'800'000'000, .model_calls = 20});
  CHECK(line == "this takes about 2.0 h and up to 18.8 GB of memory (20 model calls); Ctrl-C stops it");
  CHECK(long_run({.seconds = 600, .bytes = 1, .model_calls = 20}).find("about 10 min") != std::string::npos);
}
