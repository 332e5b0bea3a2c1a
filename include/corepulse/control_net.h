#pragma once
// A picture that the run follows by way of a side network: a ControlNet, a control-lora, a T2I-Adapter.
//
//   ControlNet pose{.file = "openpose.safetensors", .picture = "dancer.png", .strength = {{0, 1}, {0.5, 0}}};
//   ControlNet edges{.file = "canny.safetensors", .picture = "house.jpg", .prepare = ControlNet::Prepare::canny};

#include <optional>
#include <string>

#include "corepulse/control_values.h"
#include "corepulse/init_picture.h"
#include "corepulse/region.h"

namespace corepulse {

/**
 * Adds what a network beside the UNet makes of a picture, times `strength`, to the UNet's skips and to its middle
 * block's result. Control::where: to which of them, by the block that makes them ("input:1", "middle",
 * "ldm:input_4"). Control::region: where it ends, at each skip's size. Control::rows: both unless it says otherwise;
 * with `guess`, and where it is averaged, the prompt's alone. A T2I-Adapter looks at the picture once in a run; what it
 * makes is added where the skip is made, so that the blocks behind see it, too. docs/guides.md.
 */
struct ControlNet {
  std::string file;     ///< A safetensors file, or a folder of Diffusers': which kind of network, it says itself.
  std::string picture;  ///< PNG, JPEG or WebP; or
  std::string data;     ///< such a file itself, in base64.
  Curve strength = 1;   ///< Any finite number.
  /** What is made of the picture, at the run's size, before the network sees it. */
  enum class Prepare {
    none,
    canny,    ///< Its edges, white on black: OpenCV's Canny with `low` and `high`, aperture 3, of its luminance.
    invert,   ///< Its negative.
    blur,     ///< Gaussian, of `amount` pixels.
    tile,     ///< `amount` times smaller and back.
    shuffle,  ///< Its pixels by a smooth random flow of `seed`.
    mask      ///< Where `mask` is more than 0.5, what such networks take for what is to be drawn: -1; of types, 0.
  } prepare = Prepare::none;
  double low = 100, high = 200;       ///< canny: thresholds of the gradient, 0 or more, low <= high.
  std::optional<double> amount = {};  ///< blur: more than 0; absent: 9. tile: 1 or more; absent: 4.
  unsigned seed = 0;                  ///< shuffle.
  std::optional<Region> mask = {};    ///< Of the run's picture.
  Fit fit = Fit::crop;                ///< How the picture comes to the run's size.
  /** What the picture is: networks of several types must be told, others not. SDXL Union has the first six, ProMax
   * all. */
  enum class Type { openpose, depth, scribble, canny, normal, segment, tile, repaint };
  std::optional<Type> type = {};
  /** Guess mode: times a tenth at the first skip, rising evenly in its logarithm to 1 at the middle block. Not of
   * T2I-Adapters. */
  bool guess = false;
  /** Averaged over the picture at each skip. Absent: if the file is of such a network (shuffle). */
  std::optional<bool> pool = {};
  std::string sha256;          ///< Of the file (of a folder's weights), checked before the run; "": unknown.
  std::string picture_sha256;  ///< Of the picture's file, likewise.
  bool operator==(const ControlNet&) const = default;
};

}  // namespace corepulse
