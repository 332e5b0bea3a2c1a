#pragma once
// What a run starts from, before and after its size is known.

#include <optional>

#include "pipeline/init/only_masked.h"
#include "pipeline/init/start.h"
#include "pipeline/prepare/resolve.h"

namespace corepulse::pipeline {

/** A recipe's `init`, read. */
class Beginning {
 public:
  /** @param init then says which files were read. */
  Beginning(InitPicture& init, int multiple, MaskPictures& masks)
      : source_(read_start_picture(init)), margins_(margins_of(init, multiple)) {
    if (init.data.empty()) init.sha256 = source_.sha256;
    if (init.only_masked) part_ = masked_part(source_, margins_, init, masks);
  }

  StartSize size() const {
    if (part_) return {{part_->touched.width, part_->touched.height}, {}};
    return {{source_.image.width, source_.image.height}, margins_};
  }

  Start start(Recipe& recipe, MaskPictures& masks) const {
    return part_ ? start_from(*part_, recipe.width, recipe.height, recipe.init->resample)
                 : start_from(source_, margins_, recipe, masks);
  }

 private:
  StartPicture source_;
  Margins margins_;
  std::optional<MaskedPart> part_;
};

}  // namespace corepulse::pipeline
