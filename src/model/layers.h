#pragma once
// Every linear layer and convolution of a UNet by name.

#include <vector>

#include "model/parts.h"
#include "unet/sites.h"

namespace corepulse::model {

/** In order of execution of their blocks; site.index is the position in this list. */
std::vector<control::Layer> layers(const Parts& parts);
/** Of tensors under a UNet's names. */
std::vector<control::Layer> layers(const io::Tensors& tensors, const unet::Config& config);

/** Every layer that has weights, norms as well; as layers(), in order. */
std::vector<control::Site> weighted_layers(const Parts& parts);

}  // namespace corepulse::model
