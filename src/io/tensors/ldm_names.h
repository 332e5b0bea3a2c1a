#pragma once
// Names of the original single files (LDM, OpenCLIP) turned into Diffusers' names. Pure renaming: no number is touched.

#include <map>
#include <string>
#include <vector>

#include "io/tensors/tensor_view.h"

namespace corepulse::io {

/** Whose names the tensors of one component have (its prefix in the file already taken off). */
enum class Naming { diffusers, ldm_unet, ldm_vae, clip, open_clip };

/**
 * The tensors under Diffusers' names. Fused q, k, v become three views, OpenCLIP's text_projection
 * a transposed one; text encoders get the prefix text_model., old VAEs (query, key, ...) the new
 * names of their attention. A name without a rule stays as it is: building the network names it then.
 * @throws Error bad_file if two tensors get the same name.
 */
Tensors to_diffusers(Naming naming, const Tensors& tensors);

/**
 * The other way round, for a UNet (ldm_unet) or a text encoder (open_clip): Diffusers' names of tensors, each with the
 * original one if it has any. LDM numbers its blocks in a row, so give the names of the whole network. Fused q, k, v
 * have no names of their own.
 */
std::map<std::string, std::string> from_diffusers(Naming naming, const std::vector<std::string>& names);

}  // namespace corepulse::io
