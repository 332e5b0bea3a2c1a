#include "model/known.h"

#include <algorithm>

namespace corepulse::model {
namespace {

using Depths = std::vector<std::vector<int>>;

/** A shape: depths of transformers by level from the finest, and the middle block. */
struct Known {
  const char* name;
  Family family;
  Depths down, up;
  int middle_resnets, middle_depth;
  bool finest_self = true;
};

const Known kKnown[] = {
    {"SSD-1B", Family::sdxl, {{0, 0}, {2, 2}, {4, 4}}, {{0, 0, 0}, {2, 1, 1}, {4, 4, 10}}, 1, 0},
    {"Segmind Vega", Family::sdxl, {{0, 0}, {1, 1}, {2, 2}}, {{0, 0, 0}, {1, 1, 1}, {2, 2, 2}}, 1, 0},
    {"KOALA-700M", Family::sdxl, {{0}, {2}, {5}}, {{0, 0}, {2, 2}, {5, 5}}, 0, 0},
    {"KOALA-1B", Family::sdxl, {{0}, {2}, {6}}, {{0, 0}, {2, 2}, {6, 6}}, 2, 6},
    {"BK-SDM-Base (small-sd)", Family::sd1, {{1}, {1}, {1}, {0}}, {{1, 1}, {1, 1}, {1, 1}, {0, 0}}, 2, 1},
    {"BK-SDM-Small", Family::sd1, {{1}, {1}, {1}, {0}}, {{1, 1}, {1, 1}, {1, 1}, {0, 0}}, 0, 0},
    {"BK-SDM-Tiny (tiny-sd)", Family::sd1, {{1}, {1}, {1}}, {{1, 1}, {1, 1}, {1, 1}}, 0, 0},
    {"BK-SDM-v2-Base", Family::sd2, {{1}, {1}, {1}, {0}}, {{1, 1}, {1, 1}, {1, 1}, {0, 0}}, 2, 1},
    {"BK-SDM-v2-Small", Family::sd2, {{1}, {1}, {1}, {0}}, {{1, 1}, {1, 1}, {1, 1}, {0, 0}}, 0, 0},
    {"BK-SDM-v2-Tiny", Family::sd2, {{1}, {1}, {1}}, {{1, 1}, {1, 1}, {1, 1}}, 0, 0},
    {"SDXS-512", Family::sd1, {{0}, {1}, {1}}, {{0, 0}, {1, 1}, {1, 1}}, 0, 0},
    {"SDXS-512-0.9", Family::sd2, {{1}, {1}, {1}}, {{1, 1}, {1, 1}, {1, 1}}, 0, 0, false},
};

bool fits(const Known& known, const Parts& parts) {
  const auto& unet = parts.unet;
  Depths down, up;
  for (const auto& level : unet.levels) down.push_back(level.down), up.push_back(level.up);
  return known.family == parts.family && known.down == down && known.up == up &&
         known.middle_resnets == unet.middle_resnets && known.middle_depth == unet.middle_depth &&
         known.finest_self == unet.levels.front().self;
}

}  // namespace

std::string known_as(const Parts& parts) {
  const auto& training = parts.scheduler.training;
  if (training.edm && parts.family == Family::sdxl) {
    if (training.prediction == Prediction::epsilon) return "Playground v2.5";
    if (training.prediction == Prediction::v) return "CosXL";
  }
  const auto found = std::ranges::find_if(kKnown, [&](const Known& known) { return fits(known, parts); });
  return found == std::end(kKnown) ? "" : found->name;
}

}  // namespace corepulse::model
