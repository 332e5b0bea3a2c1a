// Short forms from anywhere: each is a control that JSON can hold, or an error that points at the position.
#include "corepulse/recipe.h"
#include "corepulse/shorthand.h"

#include "control/recipe/check.h"
#include "fuzz.h"

namespace {

using namespace corepulse;

// What a run would take, JSON can hold. (It has no word for most infinities.)
void check(const Control& control) {
  std::string json;
  const auto codes = {ErrorCode::invalid_request};
  if (!fuzz::accepts(codes, [&] { control::check(control, "control"); })) return;
  if (!fuzz::accepts(codes, [&] { json = to_json(std::vector{control}, -1); })) return;
  fuzz::require(controls_from_json(json) == std::vector{control});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text(data, size);
  constexpr Control (*kForms[])(std::string_view) = {parse_inject,
                                                     parse_reweight,
                                                     parse_mask,
                                                     parse_replace,
                                                     parse_value_gain,
                                                     parse_region_prompt,
                                                     parse_attend,
                                                     parse_temperature,
                                                     parse_smooth,
                                                     parse_share,
                                                     parse_guidance,
                                                     parse_capture,
                                                     parse_record,
                                                     parse_prompt_to_prompt,
                                                     parse_normalized_guidance,
                                                     parse_guide_by,
                                                     parse_lora,
                                                     parse_controlnet,
                                                     parse_picture_prompt,
                                                     parse_freeu,
                                                     parse_features,
                                                     parse_blend,
                                                     parse_rescaled_guidance,
                                                     parse_zero_star_guidance,
                                                     parse_tangential_guidance,
                                                     parse_projected_guidance,
                                                     parse_frequency_guidance,
                                                     parse_skimmed_guidance,
                                                     parse_thresholded_guidance};
  for (const auto form : kForms) fuzz::accepts({ErrorCode::invalid_request}, [&] { check(form(text)); });
  fuzz::accepts({ErrorCode::invalid_request}, [&] {
    Recipe recipe;
    recipe.second_pass = parse_second_pass(text);
    fuzz::require(recipe_from_json(to_json(recipe)) == recipe);
  });
  fuzz::accepts({ErrorCode::invalid_request}, [&] { check(inject("x").strength(parse_curve(text))); });
  fuzz::accepts({ErrorCode::invalid_request}, [&] { check(inject("x").within(parse_region(text))); });
  return 0;
}
