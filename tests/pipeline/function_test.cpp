// Attention functions of an application, and the engine's own.
#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/attention_function.h"

#include "mlx/ops.h"

#include "kernels/device.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;
namespace mx = mlx::core;

namespace {

Recipe short_run() {
  auto recipe = golden_recipe("small");
  recipe.steps = 3;
  return recipe;
}

using Functions = std::vector<std::shared_ptr<const ReplacedAttention>>;

Result with(const Functions& functions, std::vector<Control> controls = {}, Recipe recipe = short_run()) {
  recipe.controls = std::move(controls);
  return tiny("small").generate({recipe, {}, false, functions});
}

std::vector<float> latents(const Functions& functions, std::vector<Control> controls = {}) {
  return with(functions, std::move(controls)).latents.at(0);
}

AttentionFunction tempered(float temperature) {
  return [=](const mx::array& q, const mx::array& k, const mx::array& v, const AttentionSite&, const AttentionStep&) {
    const mx::array scale(1 / (std::sqrt(static_cast<float>(q.shape(3))) * temperature));
    return mx::matmul(mx::softmax(mx::matmul(q * scale, mx::swapaxes(k, 2, 3)), -1, true), v);
  };
}

/** What max(L, 1e-8)^power says, written down again. */
AttentionFunction sharpened(float power) {
  return [=](const mx::array& q, const mx::array& k, const mx::array& v, const AttentionSite&, const AttentionStep&) {
    const mx::array scale(1 / std::sqrt(static_cast<float>(q.shape(3))));
    const auto logits = mx::maximum(mx::matmul(q, mx::swapaxes(k, 2, 3)) * scale, mx::array(1e-8f));
    return mx::matmul(mx::softmax(mx::exp(mx::log(logits) * mx::array(power)), -1, true), v);
  };
}

ErrorCode code_of(const Functions& functions, std::vector<Control> controls, std::string& message) {
  try {
    with(functions, std::move(controls));
  } catch (const Error& e) {
    message = e.what();
    return e.code();
  }
  return {};
}

}  // namespace

TEST_CASE("a function of ten lines does what the temperature control does") {
  for (const auto attention : {AttentionKind::self, AttentionKind::cross}) {
    const auto control = latents({}, {temperature(0.5, attention).on(Rows::both).at("middle:0, output:1")});
    const auto function = latents({replace_attention("middle:0, output:1", tempered(0.5f), attention)});
    CHECK(relative_error(function, control) <= 1e-5);
    CHECK(relative_error(function, latents({})) > 1e-3);
  }
}

TEST_CASE("a function gets its layer, its step and arrays of the stated shapes, where and when it was asked for") {
  int calls = 0;
  const auto see = [&](const mx::array& q, const mx::array& k, const mx::array& v, const AttentionSite& site,
                       const AttentionStep& step) {
    ++calls;
    CHECK(step.index == 1);
    CHECK(step.count == 3);
    CHECK(step.progress == doctest::Approx(0.5));
    CHECK(step.sigma > 0);
    CHECK(site.cross);
    CHECK(site.path.find("mid_block") == 0);
    CHECK(q.shape(1) == site.heads);
    CHECK(q.shape(2) == site.height * site.width);
    CHECK(k.shape() == v.shape());
    CHECK(k.shape(2) == 77);
    return tempered(1)(q, k, v, site, step);
  };
  const auto half = inject("snow").within(rectangle(0, 0, 0.5, 1));
  const auto result = latents({replace_attention("middle:0", see, AttentionKind::cross, Window::steps(1, 2))}, {half});
  CHECK(calls > 0);
  CHECK(relative_error(result, latents({}, {half})) <= 1e-5);  // every reading sees the whole grid
}

TEST_CASE("functions compose with gains and temperatures, and are noted in the result") {
  const std::vector<Control> controls{inject("a dragon").gains(2, 0.5).strength(0.4),
                                      temperature(2, AttentionKind::cross).on(Rows::both), value_gain("cat", 3)};
  const auto result = with({replace_attention("", tempered(1))}, controls);
  CHECK(relative_error(result.latents[0], latents({}, controls)) <= 1e-5);
  CHECK(result.notes.size() == with({}, controls).notes.size() + 1);
}

TEST_CASE("a capture sees what a function does") {
  const auto sharper = temperature(0.5, AttentionKind::cross);
  const auto control = with({}, {sharper, capture("cat")}).heat_maps.at(0).values;
  const auto function =
      with({replace_attention("", tempered(0.5f), AttentionKind::cross, {}, Rows::cond)}, {capture("cat")})
          .heat_maps.at(0)
          .values;
  CHECK(relative_error(function, control) <= 1e-5);
}

TEST_CASE("an array of another shape than the function was to give is refused, with the layer") {
  std::string message;
  const auto misshapen = [](const mx::array&, const mx::array& k, auto&&...) { return k; };
  CHECK(code_of({replace_attention("middle:0", misshapen, AttentionKind::cross)}, {}, message) == ErrorCode::internal);
  CHECK(message.find("mid_block") != std::string::npos);
}

TEST_CASE("wrong functions are refused before the run") {
  std::string message;
  CHECK(code_of({nullptr}, {}, message) == ErrorCode::invalid_request);
  CHECK(code_of({replace_attention("", nullptr)}, {}, message) == ErrorCode::invalid_request);
  CHECK(code_of({replace_attention("output:99", tempered(1))}, {}, message) == ErrorCode::invalid_request);
  CHECK(message.find("functions[0]") != std::string::npos);
  CHECK(code_of({replace_attention("", tempered(1))}, {reweight("cat", 2)}, message) == ErrorCode::invalid_request);
  CHECK(message.find("reweight") != std::string::npos);
}

TEST_CASE("corepulse's sharpen is max(L, 1e-8)^s in the softmax") {
  const Control sharpen{.effect = Attend{.scale = 1.5, .interaction = Attend::Interaction::sharpen},
                        .mode = Mode::corepulse};
  const auto control = latents({}, {sharpen});
  // The function's products are MLX's, the control's may be made on AMX's tiles: float32 as sums of two bfloat16.
  const double bound = kernels::has_amx() ? 4e-5 : 1e-5;
  CHECK(relative_error(control, latents({replace_attention("", sharpened(1.5f), AttentionKind::self)})) <= bound);
  CHECK(relative_error(control, latents({})) > 1e-4);
}
