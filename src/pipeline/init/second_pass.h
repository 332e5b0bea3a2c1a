#pragma once
// The second pass of a recipe, as a run of its own.

#include <optional>
#include <string>
#include <vector>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "base/fail.h"
#include "base/tensor.h"

namespace corepulse::pipeline {

/**
 * @param first the recipe as it was resolved. @param multiple of pixels that sides are.
 * @return the pass's recipe: its `init` has a strength and no picture, its controls are those of the recipe if the pass
 * has none. @throws Error{invalid_request} naming the field.
 */
Recipe second_run(const Recipe& first, int multiple);

/** The pass as the finished picture's recipe has it, when its run was resolved. */
SecondPass resolved_pass(SecondPass pass, const Recipe& run);

/** How the first pass's pictures are resized; nothing: it starts from its latents. */
std::optional<Resample> picture_filter(Upscale how);

/** Whether it starts from the first pass's pictures, not from its latents. */
bool starts_from_pictures(const SecondPass& pass);

/** Whether a region of the controls is measured in pixels: of the first pass, wherever the recipe's controls act. */
bool measures_in_pixels(const std::vector<Control>& controls);

/** Latents [B, h, w, c] at another size, as torch's interpolate; how: one of latent_*. */
mx::array resize_latents(const mx::array& latents, Upscale how, int height, int width);

/** What an error of the second pass's run says: the pass's own fields, or where in the recipe. */
[[noreturn]] void fail_in_second_pass(const Error& error);

}  // namespace corepulse::pipeline
