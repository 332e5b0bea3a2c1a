#pragma once
// GroupNorm in one kernel, where a block of threads can hold a group.

#include "kernels/cuda/kernel.h"

namespace corepulse::kernels::cuda {

/** Arrays of a group_norm as its kernels take them; x where there is none of the others. */
struct GroupNormInputs {
  mx::array x, skip, row, channel, weight, bias;
};

/** Whether a block of threads can hold a group: one kernel instead of two. */
bool use_whole_group_norm(const mx::array& x, int pixels, int channels, int groups);
/** `numbers`: pixels, channels of x and of skip, whether there is a row and a channel. */
mx::array whole_group_norm(const GroupNormInputs& in, std::vector<mx::fast::ScalarArg> numbers, const mx::Shape& shape,
                           int groups, float eps, bool silu);

}  // namespace corepulse::kernels::cuda
