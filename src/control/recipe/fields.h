#pragma once
// Every field of a recipe's JSON, once: the reader, the writer and the schema's test walk these lists. Those of a kind
// of control stand in its file in effects/.

#include <vector>

#include "corepulse/recipe.h"

#include "control/kind.h"

namespace corepulse::control {

template <class T>
struct Type {};  // picks an overload of fields(), and of what() for messages

/** The visitor that lists the names. */
struct FieldNames {
  std::vector<const char*> all;

  void operator()(const char* name, auto) { all.push_back(name); }
  void required(const char* name, auto) { all.push_back(name); }
  void always(const char* name, auto) { all.push_back(name); }
  template <class M, class C>
  void inline_fields(M C::*) {
    fields(*this, Type<M>());
  }
};

/** An object whose JSON is the list fields(v, Type<T>()). */
template <class T>
concept HasFields = requires(FieldNames& v) { fields(v, Type<T>()); };

template <class V>
void fields(V& v, Type<Tokens>) {
  v("phrase", &Tokens::phrase);
  v("occurrence", &Tokens::occurrence);
  v("tokens", &Tokens::part);
}

/** The common fields of a control; `kind` and the kind's own come besides. */
template <class V>
void common(V& v, const CommonFields& has) {
  v("enabled", &corepulse::Control::enabled);
  if (has.where) v("where", &corepulse::Control::where);
  v("when", &corepulse::Control::when);
  if (has.region) v("region", &corepulse::Control::region);
  if (has.rows) v("rows", &corepulse::Control::rows);
  if (has.images) v("images", &corepulse::Control::images);
  if (has.heads) v("heads", &corepulse::Control::heads);
  if (has.mode) v("mode", &corepulse::Control::mode);
}

/** The common fields that a kind lacks. What is set all the same is refused by check(), and lost nowhere before. */
template <class V>
void lacking_fields(V& v, const CommonFields& has) {
  if (!has.where) v("where", &corepulse::Control::where);
  if (!has.region) v("region", &corepulse::Control::region);
  if (!has.rows) v("rows", &corepulse::Control::rows);
  if (!has.images) v("images", &corepulse::Control::images);
  if (!has.heads) v("heads", &corepulse::Control::heads);
  if (!has.mode) v("mode", &corepulse::Control::mode);
}

constexpr const char* what(Type<LiveEdit>) {
  return "a live edit";
}
template <class V>
void fields(V& v, Type<LiveEdit>) {
  v.required("step", &LiveEdit::step);
  v.required("controls", &LiveEdit::controls);
}
constexpr const char* what(Type<MadeWith>) {
  return "made_with";
}
template <class V>
void fields(V& v, Type<MadeWith>) {
  v("program", &MadeWith::program);
  v("model", &MadeWith::model);
  v("backend", &MadeWith::backend);
  v("dtype", &MadeWith::dtype);
  v("isa", &MadeWith::isa);
  v("model_sha256", &MadeWith::model_sha256);
  v("refiner", &MadeWith::refiner);
}

constexpr const char* what(Type<Inversion>) {
  return "init.invert";
}
template <class V>
void fields(V& v, Type<Inversion>) {
  v("prompt", &Inversion::prompt);
  v("refine", &Inversion::refine);
  v("correct", &Inversion::correct);
}

constexpr const char* what(Type<InitPicture>) {
  return "init";
}
template <class V>
void fields(V& v, Type<InitPicture>) {
  v("file", &InitPicture::file);
  v("data", &InitPicture::data);
  v("sha256", &InitPicture::sha256);
  v.always("strength", &InitPicture::strength);
  v("exact_steps", &InitPicture::exact_steps);
  v("fit", &InitPicture::fit);
  v("resample", &InitPicture::resample);
  v("grow", &InitPicture::grow);
  v("mask", &InitPicture::mask);
  v("soft", &InitPicture::soft);
  v("paste", &InitPicture::paste);
  v("only_masked", &InitPicture::only_masked);
  v("invert", &InitPicture::invert);
}

constexpr const char* what(Type<SecondPass>) {
  return "second_pass";
}
template <class V>
void fields(V& v, Type<SecondPass>) {
  v("scale", &SecondPass::scale);
  v("width", &SecondPass::width);
  v("height", &SecondPass::height);
  v.always("upscale", &SecondPass::upscale);
  v.always("strength", &SecondPass::strength);
  v("exact_steps", &SecondPass::exact_steps);
  v("steps", &SecondPass::steps);
  v("sampler", &SecondPass::sampler);
  v("schedule", &SecondPass::schedule);
  v("guidance", &SecondPass::guidance);
  v("controls", &SecondPass::controls);
}

constexpr const char* what(Type<Refiner>) {
  return "refiner";
}
template <class V>
void fields(V& v, Type<Refiner>) {
  v("model", &Refiner::model);
  v.always("switch_at", &Refiner::switch_at);
}

constexpr const char* what(Type<Embedding>) {
  return "a word from a file";
}
template <class V>
void fields(V& v, Type<Embedding>) {
  v.required("name", &Embedding::name);
  v("sha256", &Embedding::sha256);
}
constexpr const char* what(Type<Embeddings>) {
  return "embeddings";
}
template <class V>
void fields(V& v, Type<Embeddings>) {
  v.required("folder", &Embeddings::folder);
  v("files", &Embeddings::files);
}

/** Of a recipe: how it is drawn. */
template <class V>
void sampling_fields(V& v) {
  v("few_steps", &Recipe::few_steps);
  v.always("steps", &Recipe::steps);
  v.always("guidance", &Recipe::guidance);
  v("guidance_rescale", &Recipe::guidance_rescale);
  v("image_guidance", &Recipe::image_guidance);
  v.always("sampler", &Recipe::sampler);
  v.always("schedule", &Recipe::schedule);
  v("timesteps", &Recipe::timesteps);
  v("sigmas", &Recipe::sigmas);
  v("eta", &Recipe::eta);
  v.always("rng", &Recipe::rng);
  v.always("compat", &Recipe::compat);
  v("zero_snr", &Recipe::zero_snr);
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
  v("prompt_2", &Recipe::prompt_2);
  v("negative_prompt_2", &Recipe::negative_prompt_2);
  v("syntax", &Recipe::syntax);
  v.always("width", &Recipe::width);
  v.always("height", &Recipe::height);
  sampling_fields(v);
  v.always("dtype", &Recipe::dtype);
  v("clip_skip", &Recipe::clip_skip);
  v("embeddings", &Recipe::embeddings);
  v("loras", &Recipe::loras);
  v("init", &Recipe::init);
  v("second_pass", &Recipe::second_pass);
  v("refiner", &Recipe::refiner);
  v("aesthetic_score", &Recipe::aesthetic_score);
  v("negative_aesthetic_score", &Recipe::negative_aesthetic_score);
  v("controls", &Recipe::controls);
  v("edits", &Recipe::edits);
  v("made_with", &Recipe::made_with);
}

}  // namespace corepulse::control
