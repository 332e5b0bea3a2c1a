#pragma once
// How a model was trained, and how its authors mean it to be sampled: Diffusers'
// scheduler_config.json.

#include <optional>
#include <string>
#include <vector>

#include "corepulse/model.h"

#include "io/json.h"
#include "model/files/markers.h"
#include "sampler/sampler.h"

namespace corepulse::model {

struct Scheduler {
  sampler::Training training;
  bool zero_snr = false;
  // How the model's authors sample it.
  SamplerKind sampler = SamplerKind::euler;
  ScheduleKind curve = ScheduleKind::model;  ///< karras, exponential or beta; model: none.
  std::optional<ScheduleKind> spacing;       ///< timestep_spacing, if the config says one.
  int steps_offset = 1;
  bool set_alpha_to_one = false, sdxl = false;
  int distilled_steps = 50;
  double timestep_scaling = 10;
  SolverOptions solver;
  std::vector<std::string> notes;

  /**
   * The model's part of the options of a run with this sampler. Where the config says no spacing the sampler's own
   * default holds, as in Diffusers' from_config: leading for ddim, ddpm, pndm, lcm and tcd, linspace for the others.
   * Curves are those of the samplers whose scheduler has them: not of these, nor of euler_a.
   */
  SamplingOptions options(SamplerKind kind) const;

  /** Rescales the noise levels to zero terminal SNR, which `trailing` begins at. Not for models trained with EDM. */
  void start_from_noise();
};

/** @throws Error bad_file, unsupported_model naming the field. */
Scheduler scheduler_config(const io::Json& json, const std::string& where);

/** What markers in a single file say of EDM: Playground v2.5 and CosXL, each sampled as its authors do. */
Scheduler edm_scheduler(const EdmMarks& marks);

/** What the family's own scheduler_config.json says, for single files. */
Scheduler family_scheduler(Family family, Prediction prediction, bool zero_snr);

}  // namespace corepulse::model
