#pragma once
// The picture that a run starts from instead of from noise alone (img2img).
//
//   request.recipe.init = corepulse::InitPicture{.file = "cat.png", .strength = 0.6};

#include <string>

namespace corepulse {

/**
 * How a picture comes to the run's size. crop: the largest part of the size's proportions, from the middle. pad: the
 * whole picture in the middle, its edges repeated outwards. stretch: the whole picture, whatever its proportions.
 */
enum class Fit { crop, pad, stretch };

/** Docs: docs/from-a-picture.md. */
struct InitPicture {
  std::string file;        ///< PNG, JPEG or WebP; or
  std::string data;        ///< such a file itself, in base64.
  std::string sha256;      ///< Of the file, checked when it is read; "": unknown.
  double strength = 0.75;  ///< Above 0, to 1: how much of the schedule is run.
  /** All of the recipe's steps run, of a schedule that is longer. False: fewer run. compat comfy: always true. */
  bool exact_steps = false;
  Fit fit = Fit::crop;
  bool operator==(const InitPicture&) const = default;
};

}  // namespace corepulse
