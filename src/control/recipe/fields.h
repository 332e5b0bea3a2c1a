#pragma once
// Every field of a recipe's JSON, once: the reader, the writer and the schema's test walk these lists.

#include <type_traits>

#include "corepulse/recipe.h"

namespace corepulse::control {

template <class T>
struct Type {};  // picks an overload of fields()

/** Which of the common fields of a control a kind has. */
struct CommonFields {
  bool sites = true;  ///< where, rows, images, heads.
  bool region = true;
  bool mode = false;  ///< Has a legacy form.
};

template <class E>
constexpr CommonFields common_fields() {
  constexpr bool step_input = std::is_same_v<E, Guidance> || std::is_same_v<E, Pooled> ||
                              std::is_same_v<E, SizeConditioning> || std::is_same_v<E, Negative>;
  if (step_input) return {.sites = false, .region = false};
  if (std::is_same_v<E, Capture>) return {.region = false};
  return {.mode = std::is_same_v<E, Inject> || std::is_same_v<E, Reweight> || std::is_same_v<E, Attend> ||
                  std::is_same_v<E, Smooth>};
}

template <class V>
void fields(V& v, Type<Tokens>) {
  v("phrase", &Tokens::phrase);
  v("occurrence", &Tokens::occurrence);
  v("tokens", &Tokens::part);
}
template <class V>
void fields(V& v, Type<Inject>) {
  v.required("prompt", &Inject::prompt);
  v("strength", &Inject::strength);
  v("gain_k", &Inject::gain_k);
  v("gain_v", &Inject::gain_v);
  v("noise", &Inject::noise);
  v("noise_seed", &Inject::noise_seed);
}
template <class V>
void fields(V& v, Type<Reweight>) {
  v.inline_fields(&Reweight::tokens);
  v.required("scale", &Reweight::scale);
  v("strength", &Reweight::strength);
}
template <class V>
void fields(V& v, Type<MaskTokens>) {
  v.inline_fields(&MaskTokens::tokens);
  v("context", &MaskTokens::context);
  v("strength", &MaskTokens::strength);
}
template <class V>
void fields(V& v, Type<ReplaceTokens>) {
  v.inline_fields(&ReplaceTokens::tokens);
  v.required("with", &ReplaceTokens::with);
  v("context", &ReplaceTokens::context);
  v("strength", &ReplaceTokens::strength);
}
template <class V>
void fields(V& v, Type<ValueGain>) {
  v.inline_fields(&ValueGain::tokens);
  v.required("gain", &ValueGain::gain);
  v("strength", &ValueGain::strength);
}
template <class V>
void fields(V& v, Type<RegionPrompt>) {
  v.required("prompt", &RegionPrompt::prompt);
  v.required("region", &RegionPrompt::region);
}
template <class V>
void fields(V& v, Type<Regions>) {
  v.required("prompts", &Regions::prompts);
  v("base_share", &Regions::base_share);
  v("strength", &Regions::strength);
}
template <class V>
void fields(V& v, Type<Attend>) {
  v("target", &Attend::target);
  v.required("scale", &Attend::scale);
  v("interaction", &Attend::interaction);
  v("strength", &Attend::strength);
}
template <class V>
void fields(V& v, Type<Temperature>) {
  v.required("value", &Temperature::value);
  v("attention", &Temperature::attention);
  v("strength", &Temperature::strength);
}
template <class V>
void fields(V& v, Type<Smooth>) {
  v("strength", &Smooth::strength);
}
template <class V>
void fields(V& v, Type<Share>) {
  v("image", &Share::image);
  v("recording", &Share::recording);
  v("sha256", &Share::sha256);
  v("how", &Share::how);
  v("strength", &Share::strength);
}
template <class V>
void fields(V& v, Type<Guidance>) {
  v.required("scale", &Guidance::scale);
}
template <class V>
void fields(V& v, Type<Pooled>) {
  v.required("prompt", &Pooled::prompt);
  v("strength", &Pooled::strength);
}
template <class V>
void fields(V& v, Type<SizeConditioning>) {
  v("original", &SizeConditioning::original);
  v("crop", &SizeConditioning::crop);
  v("target", &SizeConditioning::target);
}
template <class V>
void fields(V& v, Type<Negative>) {
  v.required("prompt", &Negative::prompt);
}
template <class V>
void fields(V& v, Type<Capture>) {
  v.inline_fields(&Capture::tokens);
  v("name", &Capture::name);
  v("what", &Capture::what);
}

/** The common fields of a control of kind E; `kind` and E's own come besides. */
template <class E, class V>
void common(V& v) {
  constexpr auto has = common_fields<E>();
  v("enabled", &corepulse::Control::enabled);
  if constexpr (has.sites) v("where", &corepulse::Control::where);
  v("when", &corepulse::Control::when);
  if constexpr (has.region) v("region", &corepulse::Control::region);
  if constexpr (has.sites) {
    v("rows", &corepulse::Control::rows);
    v("images", &corepulse::Control::images);
    v("heads", &corepulse::Control::heads);
  }
  if constexpr (has.mode) v("mode", &corepulse::Control::mode);
}

/** The common fields that a kind lacks. What is set all the same is refused by check(), and lost nowhere before. */
template <class E, class V>
void lacking_fields(V& v) {
  constexpr auto has = common_fields<E>();
  if constexpr (!has.sites) v("where", &corepulse::Control::where);
  if constexpr (!has.region) v("region", &corepulse::Control::region);
  if constexpr (!has.sites) {
    v("rows", &corepulse::Control::rows);
    v("images", &corepulse::Control::images);
    v("heads", &corepulse::Control::heads);
  }
  if constexpr (!has.mode) v("mode", &corepulse::Control::mode);
}

template <class V>
void fields(V& v, Type<LiveEdit>) {
  v.required("step", &LiveEdit::step);
  v.required("controls", &LiveEdit::controls);
}
template <class V>
void fields(V& v, Type<MadeWith>) {
  v("program", &MadeWith::program);
  v("model", &MadeWith::model);
  v("backend", &MadeWith::backend);
  v("dtype", &MadeWith::dtype);
  v("isa", &MadeWith::isa);
  v("model_sha256", &MadeWith::model_sha256);
}

/** All of a recipe but `seed` / `seeds`. */
template <class V>
void fields(V& v, Type<Recipe>) {
  v.required("version", &Recipe::version);
  v("model", &Recipe::model);
  v("unet", &Recipe::unet);
  v("vae", &Recipe::vae);
  v("text_encoder", &Recipe::text_encoder);
  v("text_encoder_2", &Recipe::text_encoder_2);
  v("tokenizer", &Recipe::tokenizer);
  v("config", &Recipe::config);
  v("family", &Recipe::family);
  v("prediction", &Recipe::prediction);
  v("variant", &Recipe::variant);
  v.always("prompt", &Recipe::prompt);
  v.always("negative_prompt", &Recipe::negative_prompt);
  v.always("width", &Recipe::width);
  v.always("height", &Recipe::height);
  v.always("steps", &Recipe::steps);
  v.always("guidance", &Recipe::guidance);
  v("guidance_rescale", &Recipe::guidance_rescale);
  v.always("sampler", &Recipe::sampler);
  v.always("schedule", &Recipe::schedule);
  v("eta", &Recipe::eta);
  v.always("rng", &Recipe::rng);
  v.always("compat", &Recipe::compat);
  v.always("dtype", &Recipe::dtype);
  v("clip_skip", &Recipe::clip_skip);
  v("controls", &Recipe::controls);
  v("edits", &Recipe::edits);
  v("made_with", &Recipe::made_with);
}

}  // namespace corepulse::control
