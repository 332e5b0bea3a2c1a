#pragma once
// The picture that a run starts from instead of from noise alone (img2img).
//
//   request.recipe.init = corepulse::InitPicture{.file = "cat.png", .strength = 0.6};
//   request.recipe.init->mask = corepulse::circle(0.5, 0.5, 0.3).feather(0.05);  // the rest stays

#include <optional>
#include <string>
#include <vector>

#include "corepulse/region.h"

namespace corepulse {

/**
 * How a picture comes to the run's size. crop: the largest part of the size's proportions, from the middle. pad: the
 * whole picture in the middle, its edges repeated outwards. stretch: the whole picture, whatever its proportions.
 */
enum class Fit { crop, pad, stretch };

/** How pixels of another size are computed of a picture's: Pillow's filters, byte for byte. */
enum class Resample { lanczos, nearest, bilinear, bicubic };

/**
 * What a mask's values between 0 and 1 mean. blend: after each step, so much of what was drawn, the rest of the
 * picture. strength: the pixel takes part in the last of the run's steps, so much of them (differential img2img).
 */
enum class SoftMask { blend, strength };

/**
 * DDIM inversion: the steps are gone backwards from the picture to latents that draw it again, and all images begin
 * with these. So controls that look at image 0 look at the picture. Samplers ddim without eta, and euler.
 */
struct Inversion {
  std::optional<std::string> prompt = {};  ///< What the picture shows; absent: the recipe's prompts.
  /** 0..20: at each step so many fixed-point iterations, a model call each, towards what that step starts from. */
  int refine = 0;
  /**
   * Image 0 goes the inversion's way in each step, whatever the model says (PnP-Inversion): it ends as what the VAE
   * makes of the picture, bit for bit. False: it is drawn as the others are.
   */
  bool correct = true;
  bool operator==(const Inversion&) const = default;
};

/** Docs: docs/from-a-picture.md. */
struct InitPicture {
  std::string file;        ///< PNG, JPEG or WebP; or
  std::string data;        ///< such a file itself, in base64.
  std::string sha256;      ///< Of the file, checked when it is read; "": unknown.
  double strength = 0.75;  ///< Above 0, to 1: how much of the schedule is run.
  /** All of the recipe's steps run, of a schedule that is longer. False: fewer run. compat comfy: always true. */
  bool exact_steps = false;
  Fit fit = Fit::crop;
  Resample resample = Resample::lanczos;  ///< How it is resized for `fit`; the part of only_masked, there and back.
  std::vector<int> grow;       ///< Empty, or pixels of new canvas at its left, top, right, bottom; they are drawn, too.
  std::optional<Region> mask;  ///< What is drawn anew (inpainting); absent: all, or where the canvas grew.
  SoftMask soft = SoftMask::blend;
  bool paste = true;  ///< Where the mask is 0, the result has the picture's own pixels, not what the VAE makes of them.
  /**
   * Only the mask's surroundings are drawn, with so many pixels of the picture around it, at the run's size; the result
   * has the picture's size. Absent: all of the picture is drawn at the run's size.
   */
  std::optional<int> only_masked = {};
  std::optional<Inversion> invert = {};  ///< The run starts from latents that draw the picture, not from noise over it.
  bool operator==(const InitPicture&) const = default;
};

}  // namespace corepulse
