#pragma once
// How much memory a run takes, before it starts.

#include <cstddef>
#include <string>

#include "control/program/program.h"
#include "engine/pace.h"
#include "model/parts.h"
#include "pipeline/resolve.h"
#include "unet/config.h"
#include "vae/config.h"

namespace corepulse::pipeline {

/** Bytes of activations at the peak of a run, one image at a time; weights not included. An upper bound. */
size_t activation_bytes(const unet::Config& unet, const vae::Config& vae, const Resolved& resolved, bool decode);

/** Multiply-adds of a whole run: its model calls for all pictures, the decoding, the encoding of its `init`. */
engine::Work work_of(const model::Parts& parts, const Resolved& resolved, int model_calls, bool decode);

/** @throws Error{out_of_memory} with both figures if `what` cannot fit. */
void require_memory(const std::string& what, size_t bytes);

/** @throws Error{out_of_memory} if what a program records cannot be held in memory. */
void require_memory_to_record(const control::Program& program, const Resolved& resolved, const unet::Config& unet);

}  // namespace corepulse::pipeline
