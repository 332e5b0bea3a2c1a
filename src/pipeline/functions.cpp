#include "pipeline/functions.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "control/program/program_data.h"
#include "pipeline/callback.h"

namespace corepulse::pipeline {
namespace {

std::string name_of(size_t i) {
  return fmt::format("functions[{}]", i);
}

/** The user's function by FunctionSpec::name. */
size_t index_of(const control::FunctionSpec& spec, const FunctionList& functions) {
  for (size_t i = 0; i < functions.size(); ++i)
    if (name_of(i) == spec.name) return i;
  fail(ErrorCode::internal, "attention", fmt::format("no function {}", spec.name));
}

mx::array call(const ReplacedAttention& user, const std::string& name, const attention::FunctionInput& in,
               const AttentionSite& site, const AttentionStep& step) {
  const auto out = call_back(user.function, in.q, in.k, in.v, site, step);
  check_shape(out, in.q.shape(), fmt::format("{} at {}", name, site.path).c_str());
  return out;
}

}  // namespace

std::vector<control::FunctionUse> function_uses(const FunctionList& functions) {
  std::vector<control::FunctionUse> uses;
  for (size_t i = 0; i < functions.size(); ++i) {
    if (!functions[i] || !functions[i]->function)
      fail(ErrorCode::invalid_request, name_of(i), "it is empty; expected a function");
    const auto& f = *functions[i];
    uses.push_back({name_of(i), f.where, f.attention, f.when, f.rows});
  }
  return uses;
}

void require_no_bias(const control::Program& program) {
  for (const auto& row : program.data().table.row_plans)
    for (const auto& reading : row.readings)
      if (reading.function >= 0 && !program.functions()[reading.function].builtin && reading.bias)
        fail(
            ErrorCode::invalid_request, program.functions()[reading.function].name.c_str(),
            "it replaces attention whose weights a control changes too (reweight, mask_tokens, attend), which it would "
            "not see; give them other layers, rows or steps");
}

attention::Functions attention_functions(const control::Timeline& control, const FunctionList& functions,
                                         int latent_height, int latent_width) {
  return [&control, &functions, latent_height, latent_width](int index,
                                                             const control::Step& at) -> attention::Function {
    const auto& spec = control.at(at.index).functions().at(index);
    if (spec.builtin) return attention::sharpen(spec.number);
    const auto& user = *functions[index_of(spec, functions)];
    return [=, &user, &spec](const attention::FunctionInput& in, const control::Site& site, const control::Step& step) {
      const auto grid = control::grid(site, latent_height, latent_width);
      return call(user, spec.name, in, {site.path, site.cross, site.heads, grid.height, grid.width},
                  {step.index, step.count, step.progress, step.t, step.sigma, step.first_evaluation});
    };
  };
}

}  // namespace corepulse::pipeline
