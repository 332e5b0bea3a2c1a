#include "pipeline/prepare/split.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "base/fail.h"
#include "control/program/program_data.h"

namespace corepulse::pipeline {
namespace {

[[noreturn]] void fail_split(const std::string& what) {
  fail(ErrorCode::invalid_request, "split_guidance", what);
}

/** Of the control of this place in the program's list. */
std::string title_of(const control::Program& program, int index) {
  for (const auto& report : program.data().reports)
    if (report.index == index) return fmt::format("control {}, {}", index, report.title);
  return fmt::format("control {}", index);
}

/** The acting controls of a list that make images look at each other, as people call them. */
std::string joining(const control::Program& program) {
  std::set<int> acting;
  for (const auto& plan : program.data().table.plans)
    if (plan.joins_images) acting.insert(plan.acting.begin(), plan.acting.end());
  for (const auto& plan : program.data().steps)
    for (const auto& mix : plan.mixes)
      if (mix.source.kind == control::Source::Kind::image) acting.insert(mix.control);
  std::string names;
  for (const int index : acting) names += (names.empty() ? "" : "; ") + title_of(program, index);
  return names;
}

void check_program(const control::Program& program) {
  const auto& data = program.data();
  for (const auto& plan : data.steps) {
    if (plan.joins_images)
      fail_split(
          fmt::format("images look at each other, and so go through one call ({}); expected one process, or no "
                      "share, features or prompt_to_prompt with an image",
                      joining(program)));
    if (!plan.blurred.empty())
      fail_split(
          fmt::format("{} blurs where the negative prompt's row looked, which other processes do not see; "
                      "expected one process, or another guide_by",
                      title_of(program, plan.blurred[0].control)));
  }
  if (!data.captures.empty())
    fail_split(
        fmt::format("{} watches rows that other processes compute; expected one process, or neither captures "
                    "nor regions of shape attention",
                    title_of(program, data.captures[0].control)));
}

/** Of the calls of a run, as it makes them. */
size_t most_rows(const Prepared& run, bool one_by_one) {
  std::vector<int> images(run.resolved.recipe.seeds.size());
  std::iota(images.begin(), images.end(), 0);
  size_t most = 0;
  for (const auto& [step, program] : run.control.programs())
    for (const auto& plan : program.data().steps) {
      if (!one_by_one) most = std::max(most, plan.rows(images).size());
      for (const int image : images) most = std::max(most, plan.rows({image}).size());
    }
  return most;
}

}  // namespace

void check_split(const Prepared& prepared, const Request& request, int processes, bool one_by_one) {
  if (!request.functions.empty()) fail_split("attention functions see this process's rows alone; expected one process");
  if (!request.probes.empty()) fail_split("probes see this process's rows alone; expected one process");
  if (request.live) fail_split("live controls change this process's rows alone; expected one process, or edits");
  size_t most = 0;
  for (const auto* run : all_runs(prepared)) {
    for (const auto& [step, program] : run->control.programs()) check_program(program);
    most = std::max(most, most_rows(*run, one_by_one));
  }
  if (most >= static_cast<size_t>(processes)) return;
  if (most < 2)
    fail_split("every model call has one row, as without guidance, which cannot be split; expected guidance above 1");
  fail_split(fmt::format("{} processes, and no model call has more than {} rows; expected at most so many processes",
                         processes, most));
}

}  // namespace corepulse::pipeline
