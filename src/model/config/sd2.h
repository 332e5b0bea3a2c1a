#pragma once
// What a file of Stable Diffusion 2 does not say about itself.

#include <string>
#include <vector>

#include "model/files/collect.h"
#include "text/config.h"

namespace corepulse::model {

/** What its UNet predicts, with a note that names the sign it was told from. */
Prediction guess_sd2_prediction(const Collection& collection, std::vector<std::string>& notes);

/**
 * SD2 reads the penultimate of OpenCLIP's layers. Original files hold the last one too, those that Diffusers or a
 * trainer wrote do not: taken away where it is there. `config` is the network's own if it has one, else derived from
 * its tensors and corrected here.
 */
void drop_last_sd2_layer(Network& network, text::Config& config, std::vector<std::string>& notes);

}  // namespace corepulse::model
