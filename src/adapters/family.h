#pragma once
// For which models an adapter was made: to say so where it does not fit.

#include <optional>
#include <string>

#include "adapters/adapter.h"
#include "io/tensors/safetensors.h"

namespace corepulse::adapters {

/**
 * "Stable Diffusion XL", if the file's names, shapes or metadata say that it is for other models than this one; nullopt
 * if they do not tell, or it is for this one.
 */
std::optional<std::string> other_family(const io::SafetensorsFile& file, const Shapes& model);
/** For which models the file says it is; "" if it does not tell. */
std::string family_told(const io::SafetensorsFile& file);
/** What the model is. */
std::string family_of(const Shapes& model);

}  // namespace corepulse::adapters
