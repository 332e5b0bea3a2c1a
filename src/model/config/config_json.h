#pragma once
// Diffusers' config.json of the UNet and the VAE. Every field that changes the maths is read or refused.

#include <string>
#include <vector>

#include "io/json.h"
#include "unet/config.h"
#include "vae/config.h"

namespace corepulse::model {

/**
 * A UNet2DConditionModel's config; absent fields mean Diffusers' defaults.
 * @param where the file, for messages. @param notes gets a sentence about fields that nobody knows.
 * @throws Error bad_file (impossible values), unsupported_model (values not implemented), both naming the field.
 */
unet::Config unet_config(const io::Json& json, const std::string& where, std::vector<std::string>& notes);

/** An AutoencoderKL's config, likewise. */
vae::Config vae_config(const io::Json& json, const std::string& where, std::vector<std::string>& notes);

}  // namespace corepulse::model
