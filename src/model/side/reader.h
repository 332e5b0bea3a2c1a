#pragma once
// A side network's sizes, read off its tensors, and what its folder says beside them.

#include "io/json.h"
#include "model/files/tensor_sizes.h"
#include "model/side/side_parts.h"

namespace corepulse::model {

class SideReader : public TensorSizes {
 public:
  /** @param tensors of the network in the file, which outlive this. */
  SideReader(const io::Tensors& tensors, const SideFile& file)
      : TensorSizes(tensors, file.path, {.part = "controlnet", .missing = " (name as in Diffusers)"}), file_(file) {}

  /** What a folder's config says where no tensor shows it. Null: it does not say. */
  io::Json said(const char* field) const;
  /** Refuses a field of the config. */
  [[noreturn]] void refuse(const char* field) const;

 private:
  const SideFile& file_;
};

constexpr int kMostLayers = 64;

/** A T2I-Adapter's shape, and by skip whether it adds to it. @throws Error unsupported_model. */
void understand_t2i_adapter(SideParts& parts, const Parts& model);
/** Completes the tensors of a network that is stored as a change of a UNet. @throws Error unsupported_model. */
void complete_by_unet(SideParts& parts, const Parts& model);

}  // namespace corepulse::model
