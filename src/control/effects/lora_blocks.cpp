#include "control/effects/lora_blocks.h"

#include <algorithm>

namespace corepulse::control {
namespace {

/** LDM's blocks in the order of their numbers, behind the text encoders'. */
struct Order {
  std::vector<int> input;
  int first_output, last_output;
};

Order order_of(size_t count) {
  if (count == kBlocksXL) return {{4, 5, 7, 8}, 0, 5};
  return {{1, 2, 4, 5, 7, 8}, 3, 11};
}

}  // namespace

double block_strength(const Site& layer, const std::vector<double>& blocks) {
  const auto order = order_of(blocks.size());
  const size_t middle = 1 + order.input.size();
  if (layer.kind == BlockKind::middle) return blocks.at(middle);
  if (layer.kind == BlockKind::input) {
    const auto found = std::find(order.input.begin(), order.input.end(), layer.ldm_block);
    return found == order.input.end() ? 0 : blocks.at(1 + static_cast<size_t>(found - order.input.begin()));
  }
  if (layer.kind == BlockKind::none || layer.ldm_block < order.first_output || layer.ldm_block > order.last_output)
    return 0;
  return blocks.at(middle + 1 + static_cast<size_t>(layer.ldm_block - order.first_output));
}

}  // namespace corepulse::control
