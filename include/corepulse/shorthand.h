#pragma once
// The common controls as one line of text, for command lines. Grammar: docs/control.md.
//
//   parse_inject("a dragon @ middle:0, sigma 15..0, strength 0.8")
//   parse_reweight("park=0.3 @ composition")
//   parse_region_prompt("a red car @ left half feather 0.05")
//
// Every function throws Error{invalid_request} that points at the position.

#include <string_view>

#include "corepulse/control.h"
#include "corepulse/second_pass.h"

namespace corepulse {

Control parse_inject(std::string_view text);                ///< PROMPT [@ items]
Control parse_reweight(std::string_view text);              ///< PHRASE=SCALE [@ items]
Control parse_mask(std::string_view text);                  ///< PHRASE [@ items]
Control parse_replace(std::string_view text);               ///< PHRASE=>WORDS [@ items]
Control parse_value_gain(std::string_view text);            ///< PHRASE=GAIN [@ items]
Control parse_region_prompt(std::string_view text);         ///< PROMPT @ REGION [, items]: regions of one
Control parse_attend(std::string_view text);                ///< REGION=SCALE [@ items]: of the target
Control parse_temperature(std::string_view text);           ///< T [@ items]
Control parse_smooth(std::string_view text);                ///< STRENGTH [@ items]
Control parse_share(std::string_view text);                 ///< IMAGE or FILE [@ items]
Control parse_prompt_to_prompt(std::string_view text);      ///< PROMPT [@ items]
Control parse_normalized_guidance(std::string_view text);   ///< NEGATIVE PROMPT [@ items]
Control parse_guide_by(std::string_view text);              ///< PERTURBATION=SCALE [@ items]
Control parse_lora(std::string_view text);                  ///< FILE[=STRENGTH] [@ items]
Control parse_controlnet(std::string_view text);            ///< FILE=PICTURE [@ items]
Control parse_picture_prompt(std::string_view text);        ///< FILE=PICTURE [+ PICTURE] [@ items]
Control parse_freeu(std::string_view text);                 ///< B1 B2 S1 S2 [@ items]
Control parse_features(std::string_view text);              ///< IMAGE or FILE [@ items]
Control parse_blend(std::string_view text);                 ///< IMAGE [@ items]
Control parse_guidance(std::string_view text);              ///< SCALE [@ items]
Control parse_rescaled_guidance(std::string_view text);     ///< STRENGTH [@ items]
Control parse_zero_star_guidance(std::string_view text);    ///< STRENGTH [@ items]
Control parse_tangential_guidance(std::string_view text);   ///< STRENGTH [@ items]
Control parse_projected_guidance(std::string_view text);    ///< PARALLEL [@ items]
Control parse_frequency_guidance(std::string_view text);    ///< LOW HIGH [@ items]
Control parse_skimmed_guidance(std::string_view text);      ///< SCALE [@ items]
Control parse_thresholded_guidance(std::string_view text);  ///< MIMIC [@ items]
Control parse_capture(std::string_view text);               ///< PHRASE [@ items]
Control parse_record(std::string_view text);                ///< NAME [@ items]

/** "2x, strength 0.5, steps 20, upscale latent-bicubic": a size and items, in any order. */
SecondPass parse_second_pass(std::string_view text);

/** "0.8", or points "0:0 0.5:1" (progress:value), or "ramp 0.1..0.9 edge 0.1". */
Curve parse_curve(std::string_view text);

}  // namespace corepulse
