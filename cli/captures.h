#pragma once
// What the captures of a run saw, as files beside its pictures.

#include <filesystem>
#include <string>
#include <vector>

#include "corepulse/request.h"

namespace corepulse::cli {

using Files = std::vector<std::filesystem::path>;

struct HeatMapForm {
  /** "npy": the numbers, as "cat-heat-NAME.npy"; "safetensors": all of a picture's in "cat-heat.safetensors". */
  std::string values;
  bool no_pictures = false;
};

/**
 * For every heat map of the result, as `form` says, an overlay over its picture, "cat.jpg" -> "cat-heat-NAME.png", with
 * the recipe inside, and its numbers. @param pictures one per image. @return the files, in order.
 */
Files save_heat_maps(const Result& result, const Files& pictures, const HeatMapForm& form);

/** Every recording of the result, "cat.png" -> "cat-NAME.safetensors". */
Files save_recordings(const Result& result, const Files& pictures);

/** Finds out before a run whether its recordings will fit beside the pictures. @throws Error{io}. */
void check_recordings(const Recipe& recipe, const Files& pictures);

}  // namespace corepulse::cli
