// The fluent half of corepulse/control.h.
#include "corepulse/control.h"

#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse {
namespace {

constexpr const char* kKinds[] = {"inject",   "reweight", "mask_tokens", "replace_tokens", "value_gain",
                                  "regions",  "attend",   "temperature", "smooth",         "share",
                                  "guidance", "pooled",   "time_ids",    "negative",       "capture"};
static_assert(std::size(kKinds) == std::variant_size_v<Effect>);

[[noreturn]] void lacks(const Effect& effect, const char* what) {
  fail(ErrorCode::invalid_request, "control", fmt::format("{} has no {}; leave it out", kind_name(effect), what));
}

}  // namespace

const char* kind_name(const Effect& effect) noexcept {
  return kKinds[effect.index()];
}

Control& Control::at(std::string selector) {
  return where = std::move(selector), *this;
}
Control& Control::steps(int first, int end) {
  return during(Window::steps(first, end));
}
Control& Control::progress(double first, double last) {
  return during(Window::progress(first, last));
}
Control& Control::sigma(double start, double end) {
  return during(Window::sigma(start, end));
}
Control& Control::percent(double start, double end) {
  return during(Window::percent(start, end));
}
Control& Control::during(Window window) {
  return when = window, *this;
}
Control& Control::within(Region part) {
  return region = std::move(part), *this;
}
Control& Control::on(Rows which) {
  return rows = which, *this;
}
Control& Control::for_images(std::vector<int> which) {
  return images = std::move(which), *this;
}
Control& Control::for_heads(std::vector<int> which) {
  return heads = std::move(which), *this;
}
Control& Control::as(Mode which) {
  return mode = which, *this;
}
Control& Control::enable(bool on) {
  return enabled = on, *this;
}

Control& Control::strength(Curve curve) {
  std::visit(
      [&](auto& e) {
        if constexpr (requires { e.strength; })
          e.strength = std::move(curve);
        else
          lacks(effect, "strength");
      },
      effect);
  return *this;
}

Control& Control::gains(Curve k, Curve v) {
  auto* injection = std::get_if<Inject>(&effect);
  if (!injection) lacks(effect, "gains");
  injection->gain_k = std::move(k), injection->gain_v = std::move(v);
  return *this;
}

Control& Control::occurrence(int n) {
  std::visit(
      [&](auto& e) {
        if constexpr (requires { e.tokens; })
          e.tokens.occurrence = n;
        else
          lacks(effect, "phrase");
      },
      effect);
  return *this;
}

Control& Control::context(TokenContext which) {
  std::visit(
      [&](auto& e) {
        if constexpr (requires { e.context; })
          e.context = which;
        else
          lacks(effect, "context");
      },
      effect);
  return *this;
}

Control inject(std::string prompt) {
  return {.effect = Inject{.prompt = std::move(prompt)}};
}
Control reweight(Tokens tokens, Curve scale) {
  return {.effect = Reweight{std::move(tokens), std::move(scale)}};
}
Control mask_tokens(Tokens tokens) {
  return {.effect = MaskTokens{std::move(tokens)}};
}
Control replace_tokens(Tokens tokens, std::string with) {
  return {.effect = ReplaceTokens{std::move(tokens), std::move(with)}};
}
Control value_gain(Tokens tokens, Curve gain) {
  return {.effect = ValueGain{std::move(tokens), std::move(gain)}};
}
Control regions(std::vector<RegionPrompt> prompts, Curve base_share) {
  return {.effect = Regions{std::move(prompts), std::move(base_share)}};
}
Control attend(Region target, Curve scale) {
  return {.effect = Attend{std::move(target), std::move(scale)}};
}
Control temperature(Curve value, AttentionKind attention) {
  return {.effect = Temperature{std::move(value), attention}};
}
Control smooth(Curve strength) {
  return {.effect = Smooth{std::move(strength)}};
}
Control share_image(int image, Share::How how) {
  return {.effect = Share{.image = image, .how = how}};
}
Control share_recording(std::string file, Share::How how) {
  return {.effect = Share{.recording = std::move(file), .how = how}};
}
Control guidance(Curve scale) {
  return {.effect = Guidance{std::move(scale)}};
}
Control pooled(std::string prompt, Curve strength) {
  return {.effect = Pooled{std::move(prompt), std::move(strength)}};
}
Control time_ids(SizeConditioning ids) {
  return {.effect = ids};
}
Control negative(std::string prompt) {
  return {.effect = Negative{std::move(prompt)}};
}
Control capture(Tokens tokens, std::string name) {
  return {.effect = Capture{std::move(tokens), std::move(name)}};
}
Control record(std::string name) {
  return {.effect = Capture{.name = std::move(name), .what = Capture::What::keys}};
}

}  // namespace corepulse
