#pragma once
// Norms as CUDA kernels of their own: MLX composes GroupNorm from ten operations, and its LayerNorm neither adds nor
// takes float32 weights beside float16 numbers.

#include <utility>

#include "kernels/cuda/kernel.h"
#include "kernels/parts.h"

namespace corepulse::kernels {

/** What the norms' kernels have in front. */
inline constexpr const char* kSumOfWarp = R"(
  __device__ inline float sum_of_warp(float x) {
    for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
  }
)";

/**
 * True if cuda_group_norm can take x [B, ..., C] and a skip beside it: on a CUDA device, of one type, channels of each
 * in whole 16-byte loads, together not too many.
 */
bool use_cuda_group_norm(const mx::array& x, const std::optional<mx::array>& skip);

/** Arrays of a group_norm as its kernels take them; x where there is none of the others. */
struct GroupNormInputs {
  mx::array x, skip, row, channel, weight, bias;
};

/** Whether a block of threads can hold a group: one kernel instead of two. */
bool use_whole_group_norm(const mx::array& x, int pixels, int channels, int groups);
/** `numbers`: pixels, channels of x and of skip, whether there is a row and a channel. */
mx::array whole_group_norm(const GroupNormInputs& in, std::vector<mx::fast::ScalarArg> numbers, const mx::Shape& shape,
                           int groups, float eps, bool silu);

/**
 * kernels::group_norm on CUDA of what the parts add up to, or of parts.x and a skip beside it. weight and bias float32,
 * parts of x's type; statistics in float32. The same bits in every run.
 */
mx::array cuda_group_norm(const Parts& parts, const mx::array& weight, const mx::array& bias, int groups, float eps,
                          bool silu, const std::optional<mx::array>& skip);

/** The same for cuda_layer_norm. */
bool use_cuda_layer_norm(const mx::array& x);

/** kernels::layer_norm on CUDA. weight and bias float32. */
mx::array cuda_layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);
/** The same of x + y, of one shape; then that sum, to which `carried` [C] is added too. */
std::pair<mx::array, mx::array> cuda_add_layer_norm(const mx::array& x, const mx::array& y, const mx::array& weight,
                                                    const mx::array& bias, float eps,
                                                    const std::optional<mx::array>& carried);

}  // namespace corepulse::kernels
