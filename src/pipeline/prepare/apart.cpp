#include "pipeline/prepare/apart.h"

#include <algorithm>

#include "control/program/program_data.h"

namespace corepulse::pipeline {
namespace {

/** What of a run shares no call with another run, whichever that is. */
std::string why_alone(const Prepared& run) {
  const auto& programs = run.control.programs();
  if (programs.size() > 1) return "one has edits of its controls";
  if (run.handover) return "one ends with a refiner";
  if (run.inversion) return "one inverts the picture that it starts from";
  if (!run.adapters.empty()) return "one changes weights";
  if (!run.recordings.empty()) return "one reads a recording";
  if (!run.pictures.empty()) return "one reads pictures as a prompt";
  const auto& program = programs.front().second;
  const auto& steps = program.data().steps;
  if (std::any_of(steps.begin(), steps.end(), [](const auto& plan) { return !plan.side.empty(); }))
    return "one has a ControlNet";
  const auto has = [&](auto control::StepPlan::* list) {
    return std::any_of(steps.begin(), steps.end(), [&](const auto& plan) { return !(plan.*list).empty(); });
  };
  if (has(&control::StepPlan::blurred)) return "one makes calls of its own (guide_by, map)";
  if (has(&control::StepPlan::features)) return "one changes features (freeu)";
  if (has(&control::StepPlan::mixes)) return "one takes features of another image";
  if (program.lives()) return "one has regions that follow what is looked at";
  if (!program.captures().empty()) return "one captures attention";
  if (!program.functions().empty()) return "one has attention functions, as those of mode corepulse are";
  return "";
}

std::string why_not_in_step(const Prepared& a, const Prepared& b) {
  const auto &one = a.resolved, &other = b.resolved;
  if (one.latent_height != other.latent_height || one.latent_width != other.latent_width) return "their sizes differ";
  if (one.sampling != other.sampling || one.schedule != other.schedule)
    return "their samplers, schedules or steps differ";
  if (one.training != other.training) return "their noise levels differ";
  if (!a.second != !b.second) return "one has a second pass";
  return "";
}

}  // namespace

std::string why_apart(const Prepared& a, const Prepared& b) {
  for (const auto *one = &a, *other = &b; one && other; one = one->second.get(), other = other->second.get())
    for (auto& why : {why_alone(*one), why_alone(*other), why_not_in_step(*one, *other)})
      if (!why.empty()) return why;
  return "";
}

}  // namespace corepulse::pipeline
