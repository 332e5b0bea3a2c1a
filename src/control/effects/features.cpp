// features: what resnets add to the picture is another image's, or a recorded run's (Plug-and-Play, Tumanyan et al.
// 2022).
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/effects/source.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

struct FeaturesKind {
  using Struct = Features;
  static constexpr const char* name = "features";
  static constexpr CommonFields common{.heads = false};
  static constexpr ShortForm short_forms[] = {{"features", parse_features}};

  template <class V>
  static void fields(V& v) {
    v("image", &Features::image);
    v("recording", &Features::recording);
    v("sha256", &Features::sha256);
    v("strength", &Features::strength);
  }
  static void check(const Features& e, const corepulse::Control&, const std::string& path) { check_source(e, path); }
  static std::string subject(const Features& e) {
    return e.image ? fmt::format("image {}", *e.image) : quote(e.recording);
  }
  static MixUse mixes(const Features& e, const ProgramInputs& inputs, const std::string& path) {
    return {source_of(e, inputs.recordings, path), &e.strength};
  }
};

}  // namespace

template <>
const Kind& kind<Features>() {
  return described<FeaturesKind>();
}

}  // namespace control

Control features(int image) {
  return {.effect = Features{.image = image}};
}

Control features(std::string recording) {
  return {.effect = Features{.recording = std::move(recording)}};
}

Control parse_features(std::string_view text) {
  return control::of_words("features", text, control::kImageOrRecording, [](std::string source) {
    return control::is_index(source) ? features(std::stoi(source)) : features(std::move(source));
  });
}

}  // namespace corepulse
