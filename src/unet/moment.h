#pragma once
// What a network hears of the moment, and with SDXL of sizes and the pooled text, before its blocks.

#include <optional>

#include "unet/call_inputs.h"
#include "unet/config.h"
#include "unet/timestep_embedding.h"

namespace corepulse::unet {

/** Width of what the resnets hear. */
inline int time_width(const Config& config) {
  return 4 * config.levels[0].channels;
}

struct Moment {
  Moment(const nn::Weights& w, const Config& config)
      : time_embedding(w / "time_embedding", config.levels[0].channels, time_width(config), config.time_cond_width) {
    if (config.addition_input) add_embedding.emplace(w / "add_embedding", config.addition_input, time_width(config));
  }
  mx::array operator()(const CallInputs& inputs) const {  // [B, time_width]
    const auto time = time_embedding(inputs.timestep);
    if (!add_embedding) return time;
    const auto& [pooled, time_ids] = inputs.added.value();
    return time + (*add_embedding)(mx::concatenate({pooled, time_ids}, 1));
  }

  TimestepEmbedding time_embedding;
  std::optional<TimestepEmbedding> add_embedding;
};

}  // namespace corepulse::unet
