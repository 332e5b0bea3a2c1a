#pragma once
// Picture files as masks, for control's regions, and as recipes keep them.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "control/inputs.h"

namespace corepulse::pipeline {

/** The masks of a run: read for its regions, then put into its recipe, so that the recipe says what was read. */
class MaskPictures {
 public:
  /** A picture's luminance (Rec. 709 on its stored values) or alpha, 0..1. @throws Error; bad_file if it is not the
   * picture that the region's sha256 says. */
  control::MaskPicture read(const Region& region);

  /** Every region whose file was read has it inside, as a PNG of at most kMostEmbedded bytes, else its digest. */
  void keep(std::vector<Control>& controls);
  void keep(Region& region);

  static constexpr size_t kMostEmbedded = 32 << 10;       ///< A JPEG's text holds one of these.
  static constexpr size_t kMostInAll = 256 << 10;         ///< Bytes of base64 in a run's recipe.
  static constexpr size_t kMostPixels = size_t{4} << 20;  ///< Larger ones are not tried.

 private:
  struct Kept {
    std::string png, sha256;  ///< png: base64, empty if it is too large.
  };

  void keep_picture(Region& region);

  std::map<std::pair<std::string, PictureChannel>, Kept> kept_;
  size_t embedded_ = 0;
};

}  // namespace corepulse::pipeline
