#pragma once
// Configs of single files, which carry none: read off the tensors' shapes, and what shapes cannot say from the family.

#include <string_view>

#include "corepulse/model.h"

#include "io/tensors/tensor_view.h"
#include "text/config.h"
#include "unet/config.h"
#include "vae/config.h"

namespace corepulse::model {

// All take tensors under Diffusers' names, and `where`, the file, for messages.
// @throws Error unsupported_model: a tensor that must be there is not, or a number that no shape
// tells (heads, groups of a model in another size than its family's) cannot be the family's: a
// config must then be given.

/** Heads: 8 at each level (SD1), or 64 channels each (SD2, SDXL, SDXS-512). Groups: 32. */
unet::Config derive_unet(const io::Tensors& tensors, Family family, std::string_view where);

vae::Config derive_vae(const io::Tensors& tensors, Family family, std::string_view where);

/** Heads of 64 channels. @param activation CLIP-L's is quick_gelu, OpenCLIP's gelu. */
text::Config derive_text(const io::Tensors& tensors, text::Activation activation, std::string_view where);

}  // namespace corepulse::model
