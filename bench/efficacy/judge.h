#pragma once
// The judge: a small network that says what is where in a picture of the built-in model (models/judge).

#include <array>
#include <filesystem>
#include <memory>
#include <vector>

#include "corepulse/image.h"

namespace corepulse::efficacy {

constexpr int kCells = 16;     ///< Cells of 16x16 pixels along each side of a picture of 256x256.
constexpr int kObjects = 285;  ///< Classes of models/sprites/objects.json, in its order.
constexpr int kNothing = kObjects;

/** How a picture is drawn: the judge's effects, and the drawing in ink that is a style of its own. */
enum class Look { plain, pixel, bw, sepia, watercolor, ink };

/** One picture as the judge sees it. */
struct Answer {
  std::array<int, kCells * kCells> cell{};  ///< Class per cell, row by row; kNothing where no object is.
  std::array<int, kCells * kCells> tint{};  ///< Colour per cell: 0 the object's own, 1.. as models/judge/vocabulary.py.
  int scene = 0;                            ///< Index into the judge's backgrounds; the 14 scenes come first.
  Look look = Look::plain;
};

class Judge {
 public:
  /** @throws Error not_found, bad_file, unsupported_model. */
  explicit Judge(const std::filesystem::path& weights);
  /** Pictures of 256x256. @throws Error{invalid_request} for others. */
  std::vector<Answer> operator()(const std::vector<Image>& pictures) const;

 private:
  struct Network;
  std::shared_ptr<const Network> network_;
};

}  // namespace corepulse::efficacy
