#include "kernels/cpu/simd/norm.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/cpu.h"
#include "kernels/cpu/primitive.h"
#include "kernels/device.h"
#include "kernels/parallel.h"

namespace corepulse::kernels::cpu {
namespace {

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

}  // namespace

std::optional<mx::array> group_norm(const mx::array& x, const std::optional<mx::array>& skip, const mx::array& weight,
                                    const mx::array& bias, int groups, float eps, bool silu) {
  const bool fits = !skip || (skip->dtype() == x.dtype() && skip->size() > 0);
  if (!use_cpu_kernels(x) || x.size() == 0 || !fits || !all_float32(weight, bias)) return {};
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

std::optional<mx::array> layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps) {
  if (!use_cpu_kernels(x) || !all_float32(weight, bias) || x.size() == 0) return {};
  const int64_t channels = x.shape(-1), rows = static_cast<int64_t>(x.size()) / channels;
  const int64_t grain = std::max<int64_t>(1, 16384 / channels);
  return cpu_op("layer_norm", {x, weight, bias}, x.shape(), [=](const Inputs& in, Numbers out) {
    parallel_ranges(rows, grain, [&](int64_t begin, int64_t end) {
      const int64_t offset = begin * channels;
      normalize_rows(in[0].at(offset), out.at(offset), end - begin, channels, in[1], in[2], eps);
    });
  });
}

}  // namespace corepulse::kernels::cpu
