// What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere. All of it on
// stderr.

#include "progress.h"

#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>
#include <utility>

#include "interrupt.h"

namespace corepulse::cli {

ProgressLine::ProgressLine(std::string title, bool quiet)
    : title_(std::move(title)), quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

void ProgressLine::finish() {
  if (open_) std::fputs("\n", stderr);
  open_ = false;
}

ProgressFunction ProgressLine::callback() {
  return [this](const Progress& at) {
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
  constexpr int kWidth = 24;
  if (!terminal_) {
    note(fmt::format("{}: step {} of {}, {:.2f} s", title_, at.step, at.steps, at.seconds), false);
    return;
  }
  const int done = at.steps > 0 ? kWidth * at.step / at.steps : kWidth;
  const double left = seconds_per_step() * (at.steps - at.step);
  // \033[K clears what a longer line before left behind.
  const auto line = fmt::format("\r{} [{:=<{}}{:{}}] {}/{}  {:.2f} s/step, {:.0f} s left\033[K", title_, "", done, "",
                                kWidth - done, at.step, at.steps, seconds_per_step(), left);
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
  open_ = true;
}

void note(const std::string& line, bool quiet) {
  if (!quiet) std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace corepulse::cli
