#pragma once
// Where a picture looked at some words of its prompt: what `capture` controls see.
//
//   recipe.controls.push_back(capture("cat"));
//   const auto result = pipeline.generate({recipe});
//   save_image(overlay(result.heat_maps[0], result.images[0]), "cat-heat.png");

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/image.h"

namespace corepulse {

/**
 * The mean of the attention of every pixel to the tokens of one capture, over its layers, model calls, rows and heads,
 * each call of a layer counting once: 0 (not looked at) .. 1 (nothing else is). The grid is the finest of the capture's
 * layers; coarser layers are resampled to it by area.
 */
struct HeatMap {
  std::string name;  ///< The capture's; "" became its phrase.
  int image = 0;     ///< Index in the batch.
  int width = 0, height = 0;
  std::vector<float> values;  ///< [height, width]
  /** Pixels of the picture that it lies over, where only a part was drawn; its right or bottom end may be outside. */
  struct Part {
    int left = 0, top = 0, width = 0, height = 0;
    bool operator==(const Part&) const = default;
  };
  std::optional<Part> part = {};  ///< Absent: all of the picture.
};

/**
 * The map laid over a picture. Colours run from the map's lowest value (dark violet) over red to its highest (light
 * yellow), with evenly rising lightness; so pictures of different maps do not compare, their values do.
 * @param opacity 0..1 of the colours. @throws Error{invalid_request} if sizes and numbers disagree.
 */
Image overlay(const HeatMap& map, const Image& picture, double opacity = 0.6);

/** Writes the values as NumPy's .npy, float32 [height, width]. @throws Error not_found, io. */
void save_heat_map(const HeatMap& map, const std::filesystem::path& file);

/**
 * Writes several as safetensors, F32 [height, width] by name; the second of a name is "name-2", and so on.
 * @throws Error not_found, io, invalid_request.
 */
void save_heat_maps(const std::vector<HeatMap>& maps, const std::filesystem::path& file);

}  // namespace corepulse
