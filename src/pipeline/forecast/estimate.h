#pragma once
// How much memory a run takes, before it starts.

#include <cstddef>
#include <string>
#include <vector>

#include "control/program/timeline.h"
#include "engine/pace.h"
#include "model/parts.h"
#include "pipeline/prepare/resolve.h"
#include "unet/config.h"
#include "vae/config.h"

namespace corepulse::pipeline {

/** How often a run calls its UNet, and for how many rows. */
struct Calls {
  int count = 0;
  int rows = 0;     ///< Of all calls together.
  int at_once = 0;  ///< The most that go through the UNet together.
  int longest = 0;  ///< Positions of the longest text that is read,
  int beyond = 0;   ///< and of all texts those behind their first chunk.
  double side = 0;  ///< What side networks compute, in rows of the UNet.
};

/** @param one_by_one images go through the UNet one after the other where none looks at another. */
Calls calls_of(const control::Timeline& control, bool one_by_one);

/** Those of runs that are drawn side by side: where not one by one, in the same calls. */
Calls calls_of_all(const std::vector<const control::Timeline*>& controls, bool one_by_one);

/** Those of an inversion: image 0's rows, at each step once and once more for each refinement. */
Calls calls_of_inversion(const control::Timeline& control, int refinements);

/** Bytes of activations at the peak of a run, weights not included. An upper bound. */
size_t activation_bytes(const unet::Config& unet, const vae::Config& vae, const Resolved& resolved, const Calls& calls,
                        bool decode);

/** Bytes that previews by a tiny decoder's file take at most, between two calls; none without a file. */
size_t preview_bytes(const std::string& taesd, const Resolved& resolved);

/** Multiply-adds of a whole run: its model calls for all pictures, the decoding, the encoding of its `init`. */
engine::Work work_of(const model::Parts& parts, const Resolved& resolved, const Calls& calls, bool decode);

/** @throws Error{out_of_memory} with both figures if `what` cannot fit. */
void require_memory(const std::string& what, size_t bytes);

/** @throws Error{out_of_memory} if what a program records cannot be held in memory. */
void require_memory_to_record(const control::Program& program, const Resolved& resolved, const unet::Config& unet);

}  // namespace corepulse::pipeline
