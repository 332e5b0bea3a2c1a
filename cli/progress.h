#pragma once
// What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere. All of it on
// stderr.

#include <string>

#include "corepulse/request.h"

namespace corepulse::cli {

/** Shows the steps of one run. Silent when `quiet`. */
class ProgressLine {
 public:
  ProgressLine(std::string title, bool quiet);
  ~ProgressLine() { finish(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /** For Request::progress: shows the step and stops the run once Ctrl-C was pressed. */
  ProgressFunction callback();
  /** Leaves the cursor on a fresh line. */
  void finish();
  /** Seconds per step so far, without the first step, which also warms up; 0 before any. */
  double seconds_per_step() const;

 private:
  void show(const Progress& at);

  std::string title_;
  bool quiet_, terminal_, open_ = false;
  int counted_ = 0;
  double first_ = 0, total_ = 0;
};

/** One line on stderr, unless quiet. */
void note(const std::string& line, bool quiet);

}  // namespace corepulse::cli
