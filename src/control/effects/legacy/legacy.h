#pragma once
// The maths of other programs, for controls of their modes.

#include "control/readings/effect.h"

namespace corepulse::control {

/** Mode comfy. @param standard acts on the prompt's row. */
EffectPointer comfy_inject(const Inject& inject, EffectPointer standard);

// Mode corepulse: the published maths multiplies logits, in both rows.
EffectPointer logit_reweight(const Reweight& reweight);
EffectPointer logit_attend(const Attend& attend, const std::string& path);
EffectPointer logit_smooth(const Smooth& smooth);

}  // namespace corepulse::control
