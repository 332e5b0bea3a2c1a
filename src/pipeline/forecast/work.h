#pragma once
// How much there is to compute in a run, counted from the shapes of a model's tensors.

#include "engine/pace.h"
#include "model/side/side_parts.h"

namespace corepulse::pipeline {

/** Of one UNet call for one row that reads a text of so many keys, without control. What is computed once a run is left
 * out: the text's keys and values.
 */
engine::Work unet_work(const model::Parts& parts, int latent_height, int latent_width, int keys = 77);

/** Of a call of a side network for one row, its text as long as most are; without what is computed once a run: 0 of a
 * T2I-Adapter. */
double side_work(const model::SideParts& network, int latent_height, int latent_width);

/** Of encoding one picture, in tiles where encode_within_memory takes tiles. */
engine::Work encoder_work(const model::Parts& parts, int latent_height, int latent_width);

/** Of decoding one picture, in tiles where decode_within_memory takes tiles. */
engine::Work decoder_work(const model::Parts& parts, int latent_height, int latent_width);

}  // namespace corepulse::pipeline
