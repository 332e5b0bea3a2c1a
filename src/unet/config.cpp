#include "unet/config.h"

#include <algorithm>

namespace corepulse::unet {

bool Level::attends() const {
  const auto is_there = [](int depth) { return depth > 0; };
  return std::any_of(down.begin(), down.end(), is_there) || std::any_of(up.begin(), up.end(), is_there);
}

std::vector<int> skip_channels(const Config& config) {
  std::vector<int> channels{config.levels[0].channels};
  for (size_t b = 0; b < config.levels.size(); ++b) {
    channels.insert(channels.end(), config.levels[b].down.size(), config.levels[b].channels);
    if (b + 1 < config.levels.size()) channels.push_back(config.levels[b].channels);
  }
  return channels;
}

// LDM counts all blocks in one row: conv_in is input 0, and what halves the size is a block of its own.
int ldm_input(const Config& config, int block, int layer) {
  int n = 1 + layer;
  for (int b = 0; b < block; ++b) n += static_cast<int>(config.levels[b].down.size()) + 1;
  return n;
}

int ldm_output(const Config& config, int block, int layer) {
  int n = layer;
  for (int b = 0; b < block; ++b) n += static_cast<int>(config.levels[config.levels.size() - 1 - b].up.size());
  return n;
}

}  // namespace corepulse::unet
