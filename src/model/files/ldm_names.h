#pragma once
// Names of the original single files (LDM, OpenCLIP) turned into Diffusers' names. Pure renaming: no number is touched.

#include <string>
#include <string_view>

#include "io/tensors/tensor_view.h"

namespace corepulse::model {

/** Whose names the tensors of one component have (its prefix in the file already taken off). */
enum class Naming { diffusers, ldm_unet, ldm_vae, clip, open_clip };

/**
 * The tensors under Diffusers' names. Fused q, k, v become three views, OpenCLIP's text_projection
 * a transposed one; text encoders get the prefix text_model., old VAEs (query, key, ...) the new
 * names of their attention. A name without a rule stays as it is: building the network names it then.
 * @throws Error bad_file if two tensors get the same name.
 */
io::Tensors to_diffusers(Naming naming, const io::Tensors& tensors);

}  // namespace corepulse::model
