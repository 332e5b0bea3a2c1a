#include "kernels/norm.h"

#include <fmt/format.h>
#include <utility>
#include <vector>

#include "mlx/fast.h"

#include "base/fail.h"
#include "kernels/cpu/cpu.h"
#include "kernels/cuda/cuda.h"

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

}  // namespace

mx::array group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu) {
  return group_norm(Beside(x), weight, bias, groups, eps, silu);
}

mx::array group_norm(const Sum& x, const mx::array& weight, const mx::array& bias, int groups, float eps, bool silu) {
  const auto parts = x.parts();
  if (parts.row || parts.bias) {
    check_group_norm(parts.x, weight, bias, groups);
    const int channels = parts.x.shape(-1);
    if (parts.row) check_shape(*parts.row, {parts.x.shape(0), channels}, "group_norm");
    if (parts.bias) check_shape(*parts.bias, {channels}, "group_norm");
    if (const auto y = cuda::group_norm(parts, {}, weight, bias, groups, eps, silu)) return *y;
  }
  return group_norm(x.array(), weight, bias, groups, eps, silu);
}

mx::array group_norm(const Beside& in, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu) {
  const auto& x = in.x();
  const auto& skip = in.skip();
  check_group_norm(x, weight, bias, groups, skip);
  if (const auto y = cpu::group_norm(x, skip, weight, bias, groups, eps, silu)) return *y;
  if (const auto y = cuda::group_norm({x, {}, {}}, skip, weight, bias, groups, eps, silu)) return *y;
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
  if (const auto y = cpu::layer_norm(x, weight, bias, eps)) return *y;
  if (const auto y = cuda::layer_norm(x, weight, bias, eps)) return *y;
  return mx::fast::layer_norm(x, mx::astype(weight, x.dtype()), mx::astype(bias, x.dtype()), eps);
}

mx::array layer_norm(const Sum& x, const mx::array& weight, const mx::array& bias, float eps, const Linear* next) {
  if (const auto two = x.two()) {
    check_channels(two->first, weight, bias, "layer_norm");
    check_shape(two->second, two->first.shape(), "layer_norm");
    const auto ahead = next ? next->bias() : std::nullopt;
    if (ahead) check_shape(*ahead, {two->first.shape(-1)}, "layer_norm");
    if (auto both = cuda::add_layer_norm(two->first, two->second, weight, bias, eps, ahead)) {
      ahead ? x.made_ahead(std::move(both->second), next->id()) : x.made(std::move(both->second));
      return both->first;
    }
  }
  return layer_norm(x.array(), weight, bias, eps);
}

mx::array layer_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps) {
  const auto wide = mx::astype(x, mx::float32);
  const auto centred = wide - mx::mean(wide, -1, true);
  const auto variance = mx::mean(mx::square(centred), -1, true);
  const auto normal = centred * mx::rsqrt(variance + like(eps, variance));
  return mx::astype(normal * mx::astype(weight, mx::float32) + mx::astype(bias, mx::float32), x.dtype());
}

}  // namespace corepulse::kernels
