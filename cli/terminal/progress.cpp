// What a person sees while a run goes on: a bar on a terminal, a few plain lines elsewhere. All of it on stderr.

#include "terminal/progress.h"

#include <cstdio>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utility>

#include "terminal/interrupt.h"

namespace corepulse::cli {

namespace {

constexpr double kLongWait = 10;  // seconds

/** Of the terminal behind stderr, now: windows change. */
int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/** Bytes of the character that begins so; a stray byte counts alone. */
size_t length_of(unsigned char first) {
  return first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

std::string cut(const std::string& text, int columns) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const auto next = out + text.substr(at, length_of(static_cast<unsigned char>(text[at])));
    if (columns_of(next) > columns) break;
    at += next.size() - out.size();
    out = next;
  }
  return out;
}

}  // namespace

std::string duration(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", seconds);
  if (seconds < 90 * 60) return fmt::format("{:.0f} min", seconds / 60);
  return fmt::format("{:.1f} h", seconds / 3600);
}

ProgressLine::ProgressLine(std::string title, bool quiet)
    : title_(std::move(title)), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::finish() {
  if (open_) std::fputs("\n", stderr);
  open_ = false;
}

ProgressFunction ProgressLine::callback() {
  return [this](const Progress& at) {
    const int pass = at.inverting ? 0 : at.pass;
    if (std::exchange(pass_, pass) != pass) counted_ = 0, total_ = 0;  // its steps take another time
    if (counted_++ == 0)
      first_ = at.seconds;
    else
      total_ += at.seconds;
    if (!quiet_) show(at);
    return !interrupted();
  };
}

double ProgressLine::seconds_per_step() const {
  return counted_ > 1 ? total_ / (counted_ - 1) : first_;
}

void ProgressLine::show(const Progress& at) {
  const auto title = at.inverting    ? "inverting the picture"
                     : at.passes > 1 ? fmt::format("{}, pass {} of {}", title_, at.pass, at.passes)
                                     : title_;
  if (!terminal_) return print_line(title, at);
  // \033[K clears what a longer line before left behind.
  const auto bar = progress_bar(title, at.step, at.steps, seconds_per_step(), terminal_columns());
  std::fputs(("\r" + bar + "\033[K").c_str(), stderr);
  std::fflush(stderr);
  open_ = true;
}

void ProgressLine::print_line(const std::string& title, const Progress& at) {
  const auto now = std::chrono::steady_clock::now();
  if (!is_line_due(at.step, at.steps, std::chrono::duration<double>(now - printed_).count())) return;
  printed_ = now;
  note(fmt::format("{}: step {} of {}, {:.2f} s each", title, at.step, at.steps, seconds_per_step()), false);
}

std::string progress_bar(const std::string& title, int step, int steps, double seconds_per_step, int columns) {
  const int room = columns - 1;  // a line that fills the last column begins the next one on some terminals
  const auto count = fmt::format("{}/{}", step, steps);
  const auto pace =
      fmt::format("  {:.2f} s/step, {} left", seconds_per_step, duration(seconds_per_step * (steps - step)));
  for (const int width : {24, 8}) {
    const int done = steps > 0 ? width * step / steps : width;
    const auto line = fmt::format("{} [{:=<{}}{:{}}] {}{}", title, "", done, "", width - done, count, pace);
    if (columns_of(line) <= room) return line;
  }
  if (const auto line = fmt::format("{} {}{}", title, count, pace); columns_of(line) <= room) return line;
  if (const auto line = fmt::format("{}{}", count, pace); columns_of(line) <= room) {
    const auto head = cut(title, room - 1 - columns_of(line));
    return head.empty() ? line : head + " " + line;
  }
  return cut(count, room);
}

bool is_line_due(int step, int steps, double seconds_since_line) {
  const bool another_tenth = 10 * step / steps > 10 * (step - 1) / steps;
  return step == 1 || step == steps || another_tenth || seconds_since_line >= kLongWait;
}

int columns_of(const std::string& utf8) {
  int columns = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    // From U+1100 on characters may be two columns wide; those begin with 0xe1 and above.
    if ((byte & 0xc0) != 0x80) columns += byte >= 0xe1 ? 2 : 1;
  }
  return columns;
}

std::string long_run(const Estimate& estimate) {
  constexpr double kLong = 60;
  if (estimate.seconds < kLong) return "";
  return fmt::format("this takes about {} and up to {:.1f} GB of memory ({} model calls); Ctrl-C stops it",
                     duration(estimate.seconds), double(estimate.bytes) / 1e9, estimate.model_calls);
}

void note(const std::string& line, bool quiet) {
  if (!quiet) std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace corepulse::cli
