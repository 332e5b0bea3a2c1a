#pragma once
// The CPU's own kernels, as the operations see them. A build without them links no_cpu.cpp: nothing is theirs.
//
// What device.h says of the processor comes from here, too.

#include <memory>
#include <optional>
#include <vector>

#include "base/tensor.h"
#include "kernels/number.h"
#include "kernels/options.h"
#include "kernels/plain_weights.h"

namespace corepulse::kernels::cpu {

// Each computes, lazily, what the operation of its name is to give; or nothing, where MLX's operations must do it: on a
// GPU, in another type. The operation has checked the shapes.

std::optional<mx::array> silu(const mx::array& x);
std::optional<mx::array> gelu(const mx::array& x);
std::optional<mx::array> quick_gelu(const mx::array& x);
std::optional<mx::array> geglu(const mx::array& x);
std::optional<mx::array> add(const mx::array& x, const mx::array& y);
std::optional<mx::array> upsample2x(const mx::array& x);

std::optional<mx::array> attention(const mx::array& q, const mx::array& k, const mx::array& v,
                                   const AttentionOptions& options);

std::optional<mx::array> group_norm(const mx::array& x, const std::optional<mx::array>& skip, const mx::array& weight,
                                    const mx::array& bias, int groups, float eps, bool silu);
std::optional<mx::array> layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);

/** A linear layer's weights as its kernels read them: packed by the first call, which drops the plain ones. */
class LinearWeights;
using SharedLinear = std::shared_ptr<LinearWeights>;
/** Null in a build without kernels; for null, nothing below is theirs. */
SharedLinear linear_weights(const std::shared_ptr<PlainWeights>& plain);
/** share up (down x) for every row of x, without biases: share float32, [1] or as many as there are rows in a batch
 * row.
 */
struct ThinWeights {
  SharedLinear down, up;
  mx::array share;
};
using ThinList = std::vector<ThinWeights>;
/** Ranks are a multiple of this, or the two are multiplied by other kernels. */
int thin_step(mx::Dtype dtype);
/** x W^T + b + added + all that is thin; without weights, of those alone. */
std::optional<mx::array> linear(const SharedLinear& weights, const mx::array& x, const std::optional<mx::array>& added,
                                const ThinList& thin = {});
/** Of x and skip concatenated. @throws Error{internal} if skip's shape does not fit. */
std::optional<mx::array> joined_linear(const SharedLinear& weights, const mx::array& x, const mx::array& skip);
/** second(geglu(first(x))) + added, each matrix with what is thin beside it. */
std::optional<mx::array> gated_linear(const SharedLinear& first, const SharedLinear& second, const mx::array& x,
                                      const std::optional<mx::array>& added, const ThinList& thin1 = {},
                                      const ThinList& thin2 = {});

/** The same for a convolution. */
class ConvWeights;
using SharedConv = std::shared_ptr<ConvWeights>;
SharedConv conv_weights(const std::shared_ptr<PlainWeights>& plain, const ConvGeometry& geometry);
/** The convolution of x + per_row [B, out] + residual; `shape` and residual's shape are the result's. */
std::optional<mx::array> conv2d(const SharedConv& weights, const mx::array& x, const mx::Shape& shape,
                                const std::optional<mx::array>& per_row, const std::optional<mx::array>& residual);
/** The same of the first pixels of upsample2x(x): as many as `enlarged` has. */
std::optional<mx::array> upsampled_conv2d(const SharedConv& weights, const mx::array& x, const mx::Shape& enlarged,
                                          const mx::Shape& shape);

// n numbers as convert.h says, on the calling thread, from any address. False: nothing is done.

bool f16_to_f32(const void* source, float* target, int64_t n);
bool f16_to_bf16(const void* source, BFloat16* target, int64_t n);
bool f32_to_bf16(const float* source, BFloat16* target, int64_t n);

/** As convert.h says. False: nothing is done. */
bool multiply(float* out, const float* a, const float* b, int64_t m, int64_t k, int64_t n, float scale);

}  // namespace corepulse::kernels::cpu
