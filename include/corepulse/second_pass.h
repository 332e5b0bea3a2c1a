#pragma once
// A second pass over a picture at another size ("hires fix").
//
//   request.recipe.second_pass = corepulse::SecondPass{.scale = 2, .strength = 0.4};
//   request.recipe.second_pass->controls = {corepulse::reweight("cat", 2)};  // else the recipe's act in both

#include <optional>
#include <vector>

#include "corepulse/control.h"
#include "corepulse/sampling.h"

namespace corepulse {

/**
 * How the first pass's picture (as Pillow resizes it), or its latents (latent_*, as torch's interpolate), come to the
 * second's size.
 */
enum class Upscale {
  lanczos,
  nearest,
  bilinear,
  bicubic,
  latent_nearest,
  latent_nearest_exact,
  latent_bilinear,
  latent_bicubic
};

/**
 * A run that starts from what the first pass drew. Prompts, seeds, compat and all that is not here are the recipe's.
 * Its noise is that of a run of its own with the same seeds. Docs: docs/from-a-picture.md.
 */
struct SecondPass {
  std::optional<double> scale = {};  ///< Of both sides, each then rounded to a multiple of 8; absent: 2.
  int width = 0, height = 0;         ///< Pixels instead of a scale; one that is 0 follows the other.
  Upscale upscale = Upscale::lanczos;
  double strength = 0.5;                    ///< As InitPicture's.
  bool exact_steps = false;                 ///< As InitPicture's; compat a1111, comfy: always true.
  int steps = 0;                            ///< 0: the recipe's.
  std::optional<SamplerKind> sampler = {};  ///< Absent: the recipe's, as all that follows.
  std::optional<ScheduleKind> schedule = {};
  std::optional<double> guidance = {};
  /**
   * Of this pass alone. Absent: the recipe's, as far as they have a moment in this pass; their captures then see this
   * pass alone, and pixels of their regions are the first pass's (where it draws a part, the whole picture's).
   */
  std::optional<std::vector<Control>> controls = {};
  bool operator==(const SecondPass&) const = default;
};

}  // namespace corepulse
