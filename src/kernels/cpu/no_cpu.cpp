// A build without kernels of the CPU: MLX's operations do everything.
#include "kernels/cpu/cpu.h"
#include "kernels/device.h"

namespace corepulse::kernels {

bool use_cpu_kernels(const mx::array&) {
  return false;
}

bool has_bf16() {
  return false;
}

bool has_amx() {
  return false;
}

std::string isa() {
  return "mlx";
}

namespace cpu {

using Result = std::optional<mx::array>;

Result silu(const mx::array&) {
  return {};
}

Result gelu(const mx::array&) {
  return {};
}

Result quick_gelu(const mx::array&) {
  return {};
}

Result geglu(const mx::array&) {
  return {};
}

Result add(const mx::array&, const mx::array&) {
  return {};
}

Result upsample2x(const mx::array&) {
  return {};
}

Result attention(const mx::array&, const mx::array&, const mx::array&, const AttentionOptions&) {
  return {};
}

Result group_norm(const mx::array&, const std::optional<mx::array>&, const mx::array&, const mx::array&, int, float,
                  bool) {
  return {};
}

Result layer_norm(const mx::array&, const mx::array&, const mx::array&, float) {
  return {};
}

SharedLinear linear_weights(const std::shared_ptr<PlainWeights>&) {
  return nullptr;
}

int thin_step(mx::Dtype) {
  return 1;
}

Result linear(const SharedLinear&, const mx::array&, const std::optional<mx::array>&, const ThinList&) {
  return {};
}

Result joined_linear(const SharedLinear&, const mx::array&, const mx::array&) {
  return {};
}

Result gated_linear(const SharedLinear&, const SharedLinear&, const mx::array&, const std::optional<mx::array>&,
                    const ThinList&, const ThinList&) {
  return {};
}

SharedConv conv_weights(const std::shared_ptr<PlainWeights>&, const ConvGeometry&) {
  return nullptr;
}

Result conv2d(const SharedConv&, const mx::array&, const mx::Shape&, const std::optional<mx::array>&,
              const std::optional<mx::array>&) {
  return {};
}

Result upsampled_conv2d(const SharedConv&, const mx::array&, const mx::Shape&, const mx::Shape&) {
  return {};
}

bool f16_to_f32(const void*, float*, int64_t) {
  return false;
}

bool f16_to_bf16(const void*, BFloat16*, int64_t) {
  return false;
}

bool f32_to_bf16(const float*, BFloat16*, int64_t) {
  return false;
}

bool multiply(float*, const float*, const float*, int64_t, int64_t, int64_t, float) {
  return false;
}

}  // namespace cpu
}  // namespace corepulse::kernels
