// blend: behind a step the latents become another image's inside a region (LocalBlend of prompt-to-prompt).
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

struct BlendKind {
  using Struct = Blend;
  static constexpr const char* name = "blend";
  static constexpr CommonFields common{.where = false, .rows = false, .heads = false};
  static constexpr ShortForm short_forms[] = {{"blend", parse_blend}};

  template <class V>
  static void fields(V& v) {
    v("image", &Blend::image);
    v("strength", &Blend::strength);
  }
  static std::string subject(const Blend& e) { return fmt::format("image {}", e.image); }
  static BlendUse latents(const Blend& e) { return {e.image, &e.strength}; }
};

}  // namespace

template <>
const Kind& kind<Blend>() {
  return described<BlendKind>();
}

}  // namespace control

Control blend(int image, Curve strength) {
  return {.effect = Blend{image, std::move(strength)}};
}

Control parse_blend(std::string_view text) {
  constexpr const char* kImage = "the number of an image of the batch";
  const auto [subject, items] = control::split("blend", text, kImage);
  control::Scanner scanner("blend", subject);
  if (!scanner.at_number()) scanner.refuse(kImage);
  const int image = scanner.whole_number();
  if (!scanner.done()) scanner.refuse("nothing more");
  return control::with_items(blend(image), "blend", text, items);
}

}  // namespace corepulse
