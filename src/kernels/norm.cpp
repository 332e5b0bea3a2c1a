#include "kernels/norm.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <vector>

#include "mlx/fast.h"

#include "base/fail.h"
#include "kernels/activation.h"
#include "kernels/cpu/primitive.h"
#include "kernels/cpu/simd/norm.h"
#include "kernels/cuda/norm.h"
#include "kernels/parallel.h"

namespace corepulse::kernels {
namespace {

void check_channels(const mx::array& x, const mx::array& weight, const mx::array& bias, const char* where,
                    const std::optional<mx::array>& skip = {}) {
  if (x.ndim() < 2)
    fail(ErrorCode::internal, where, fmt::format("shape {}; expected [B, ..., C]", to_string(x.shape())));
  auto shape = x.shape();
  if (skip) {
    shape.back() = -1;
    check_shape(*skip, shape, where);
  }
  const int channels = x.shape(-1) + (skip ? skip->shape(-1) : 0);
  check_shape(weight, {channels}, where);
  check_shape(bias, {channels}, where);
}

void check_group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups,
                      const std::optional<mx::array>& skip = {}) {
  check_channels(x, weight, bias, "group_norm", skip);
  const int channels = weight.shape(0);
  if (groups < 1 || channels % groups != 0)
    fail(ErrorCode::internal, "group_norm",
         fmt::format("{} channels in {} groups; expected a multiple", channels, groups));
}

#ifdef COREPULSE_CPU_KERNELS

bool all_float32(const mx::array& weight, const mx::array& bias) {
  return weight.dtype() == mx::float32 && bias.dtype() == mx::float32;
}

/** An array of a group_norm call, which holds the channels from `first` on. */
struct Part {
  ConstNumbers x;
  int64_t first, channels;
};

/** One group_norm call: [batch, pixels, channels], worked on in blocks of kMomentRows pixels. */
struct GroupNormTask {
  int64_t batch, pixels, channels, groups;
  float eps;
  bool silu;

  int64_t blocks() const { return (pixels + kMomentRows - 1) / kMomentRows; }
  int64_t rows(int64_t block) const { return std::min(kMomentRows, pixels - block * kMomentRows); }
  int64_t first_row(int64_t unit) const { return unit / blocks() * pixels + unit % blocks() * kMomentRows; }

  // Always merged in the order of the blocks: the sum does not depend on the threads.
  Moments total(const std::vector<Moments>& partial, int64_t row, int64_t group) const {
    Moments all;
    for (int64_t block = 0; block < blocks(); ++block)
      all = all.merged(partial[static_cast<size_t>((row * blocks() + block) * groups + group)]);
    return all;
  }

  /** Mean (two parts) and weight / deviation of every channel of a batch row, each [channels]. */
  void set_affine(const std::vector<Moments>& partial, int64_t row, const float* weight, float* affine) const;
  void operator()(const std::vector<Part>& parts, const float* weight, const float* bias, Numbers out) const;
};

void GroupNormTask::set_affine(const std::vector<Moments>& partial, int64_t row, const float* weight,
                               float* affine) const {
  const int64_t width = channels / groups;
  for (int64_t group = 0; group < groups; ++group) {
    const Moments m = total(partial, row, group);
    const float mean = static_cast<float>(m.mean), rest = static_cast<float>(m.mean - mean);
    const float rate = static_cast<float>(1 / std::sqrt(m.squares / m.count + eps));
    for (int64_t c = group * width; c < (group + 1) * width; ++c) {
      affine[c] = mean;
      affine[channels + c] = rest;
      affine[2 * channels + c] = rate * weight[c];
    }
  }
}

void GroupNormTask::operator()(const std::vector<Part>& parts, const float* weight, const float* bias,
                               Numbers out) const {
  std::vector<Moments> partial(static_cast<size_t>(batch * blocks() * groups));
  parallel_for(batch * blocks(), [&](int64_t unit, int) {
    for (const auto& [x, first, width] : parts)
      add_moments(x.at(first_row(unit) * width), rows(unit % blocks()), width, first, channels / groups,
                  &partial[static_cast<size_t>(unit * groups)]);
  });
  std::vector<float> affine(static_cast<size_t>(batch * channels * 3));
  const auto of_row = [&](int64_t row) { return affine.data() + row * channels * 3; };
  for (int64_t row = 0; row < batch; ++row) set_affine(partial, row, weight, of_row(row));
  parallel_for(batch * blocks(), [&](int64_t unit, int) {
    for (const auto& [x, first, width] : parts) {
      const float* const a = of_row(unit / blocks()) + first;
      normalize_channels(x.at(first_row(unit) * width), out.at(first_row(unit) * channels + first),
                         rows(unit % blocks()), width, channels, {a, a + channels, a + 2 * channels, bias + first},
                         silu);
    }
  });
}

mx::array cpu_group_norm(const mx::array& x, const std::optional<mx::array>& skip, const mx::array& weight,
                         const mx::array& bias, int groups, float eps, bool silu) {
  const int64_t batch = x.shape(0), own = x.shape(-1), channels = weight.shape(0);
  const GroupNormTask task{batch, static_cast<int64_t>(x.size()) / (batch * own), channels, groups, eps, silu};
  std::vector<mx::array> inputs{x, weight, bias};
  if (skip) inputs.push_back(*skip);
  auto shape = x.shape();
  shape.back() = weight.shape(0);
  return cpu_op("group_norm", std::move(inputs), std::move(shape), [task, own](const Inputs& in, Numbers out) {
    std::vector<Part> parts{{in[0], 0, own}};
    if (in.size() > 3) parts.push_back({in[3], own, task.channels - own});
    task(parts, in[1], in[2], out);
  });
}

#endif

}  // namespace

mx::array group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu) {
  return group_norm(Beside(x), weight, bias, groups, eps, silu);
}

mx::array group_norm(const Sum& x, const mx::array& weight, const mx::array& bias, int groups, float eps, bool silu) {
  const auto parts = x.parts();
  const bool one = !parts.row && !parts.bias;
  if (one || !use_cuda_group_norm(parts.x, {})) return group_norm(x.array(), weight, bias, groups, eps, silu);
  check_group_norm(parts.x, weight, bias, groups);
  return cuda_group_norm(parts, weight, bias, groups, eps, silu, {});
}

mx::array group_norm(const Beside& in, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu) {
  const auto& x = in.x();
  const auto& skip = in.skip();
  check_group_norm(x, weight, bias, groups, skip);
#ifdef COREPULSE_CPU_KERNELS
  const bool fits = !skip || (skip->dtype() == x.dtype() && skip->size() > 0);
  if (use_cpu_kernels(x) && x.size() > 0 && fits && all_float32(weight, bias))
    return cpu_group_norm(x, skip, weight, bias, groups, eps, silu);
#endif
  if (use_cuda_group_norm(x, skip)) return cuda_group_norm({x, {}, {}}, weight, bias, groups, eps, silu, skip);
  if (skip) return group_norm(in.whole(), weight, bias, groups, eps, silu);
  return group_norm_reference(x, weight, bias, groups, eps, silu);
}

mx::array group_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups,
                               float eps, bool silu) {
  const int channels = x.shape(-1);
  const auto grouped = mx::reshape(mx::astype(x, mx::float32), {x.shape(0), -1, groups, channels / groups});
  const std::vector<int> axes{1, 3};
  const auto centred = grouped - mx::mean(grouped, axes, true);
  const auto variance = mx::mean(mx::square(centred), axes, true);
  const auto normal = mx::reshape(centred * mx::rsqrt(variance + like(eps, variance)), x.shape());
  const auto y = normal * mx::astype(weight, mx::float32) + mx::astype(bias, mx::float32);
  return mx::astype(silu ? y * mx::sigmoid(y) : y, x.dtype());
}

mx::array layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps) {
  check_channels(x, weight, bias, "layer_norm");
#ifdef COREPULSE_CPU_KERNELS
  if (use_cpu_kernels(x) && all_float32(weight, bias) && x.size() > 0) {
    const int64_t channels = x.shape(-1), rows = static_cast<int64_t>(x.size()) / channels;
    const int64_t grain = std::max<int64_t>(1, 16384 / channels);
    return cpu_op("layer_norm", {x, weight, bias}, x.shape(), [=](const Inputs& in, Numbers out) {
      parallel_ranges(rows, grain, [&](int64_t begin, int64_t end) {
        const int64_t offset = begin * channels;
        normalize_rows(in[0].at(offset), out.at(offset), end - begin, channels, in[1], in[2], eps);
      });
    });
  }
#endif
  if (use_cuda_layer_norm(x)) return cuda_layer_norm(x, weight, bias, eps);
  return mx::fast::layer_norm(x, mx::astype(weight, x.dtype()), mx::astype(bias, x.dtype()), eps);
}

mx::array layer_norm(const Sum& x, const mx::array& weight, const mx::array& bias, float eps, const Linear* next) {
  const auto two = x.two();
  if (!two || !use_cuda_layer_norm(two->first)) return layer_norm(x.array(), weight, bias, eps);
  check_channels(two->first, weight, bias, "layer_norm");
  const auto carried = next ? next->bias() : std::nullopt;
  auto [norm, sum] = cuda_add_layer_norm(two->first, two->second, weight, bias, eps, carried);
  carried ? x.made_ahead(std::move(sum), next->id()) : x.made(std::move(sum));
  return norm;
}

mx::array layer_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps) {
  const auto wide = mx::astype(x, mx::float32);
  const auto centred = wide - mx::mean(wide, -1, true);
  const auto variance = mx::mean(mx::square(centred), -1, true);
  const auto normal = centred * mx::rsqrt(variance + like(eps, variance));
  return mx::astype(normal * mx::astype(weight, mx::float32) + mx::astype(bias, mx::float32), x.dtype());
}

}  // namespace corepulse::kernels
