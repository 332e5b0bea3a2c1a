#pragma once
// The attention layers of a UNet by name, from its configuration alone.

#include <vector>

#include "control/site.h"
#include "unet/config.h"

namespace corepulse::unet {

/** All attention layers in order of execution; site.index is the position in this list. */
std::vector<control::Site> sites(const Config& config);

/** All blocks in order of execution, as selectors know them: attention -1, depth -1, no heads; level and grid are those
 * of what the block makes. site.index is the position in this list. */
std::vector<control::Site> blocks(const Config& config);

/** What side networks add to: the skips in the order made, by what makes them, and the middle block; as layers of no
 * attention. site.index is the position in this list. */
std::vector<control::Site> skips(const Config& config);

/** All resnets in order of execution, as layers of no attention: the block, and which of it. site.index is the position
 * in this list. */
std::vector<control::Site> resnets(const Config& config);

/** Where up blocks put what comes up and a skip together, in front of their resnets. */
std::vector<control::Joint> joints(const Config& config);

/** The layers of one Transformer2D: attn1, attn2 by depth. */
std::vector<control::Site> sites_of(const std::vector<control::Site>& all, control::BlockKind kind, int block,
                                    int attention);

}  // namespace corepulse::unet
