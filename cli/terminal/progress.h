#pragma once
// What a person sees while a run goes on: a bar on a terminal, a few plain lines elsewhere. All of it on stderr.

#include <chrono>
#include <string>

#include "corepulse/pipeline.h"
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
  void print_line(const std::string& title, const Progress& at);

  std::string title_;
  bool quiet_, terminal_, open_ = false;
  int counted_ = 0, pass_ = 1;
  double first_ = 0, total_ = 0;
  std::chrono::steady_clock::time_point printed_;
};

/** The bar after `step` of `steps`, in fewer than `columns` columns: what does not fit is left out, the title cut. */
std::string progress_bar(const std::string& title, int step, int steps, double seconds_per_step, int columns);

/** Whether a line is printed after this step where lines are not overwritten: the first, the last, ten between, and
 * what comes long after the line before. */
bool is_line_due(int step, int steps, double seconds_since_line);

/** Columns a terminal needs at most for it. */
int columns_of(const std::string& utf8);

/** A line about a run that will take minutes; "" for others. */
std::string long_run(const Estimate& estimate);

/** "40 s", "12 min", "3.5 h". */
std::string duration(double seconds);

/** One line on stderr, unless quiet. */
void note(const std::string& line, bool quiet);

}  // namespace corepulse::cli
