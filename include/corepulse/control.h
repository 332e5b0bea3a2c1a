#pragma once
// Controls: what the picture reads, in which attention layers, at which moment, in which part.
//
//   using namespace corepulse;
//   std::vector<Control> controls{
//       inject("a dragon").at("content").sigma(15, 0).strength(0.8),
//       reweight("park", 0.3).at("composition"),
//       inject("snow").strength({{0, 0}, {0.5, 1}}).within(rectangle(0, 0, 0.5, 1).feather(0.05))};
//
// Plain data: nothing is checked before a run (or corepulse::explain) resolves it against a model.
// docs/control.md says what every kind computes.

#include <optional>
#include <string>
#include <vector>

#include "corepulse/control_values.h"
#include "corepulse/effects.h"
#include "corepulse/region.h"

namespace corepulse {

/** Which rows of a guided model call a control acts on: the prompt's, the negative prompt's. */
enum class Rows { cond, uncond, both };

/** Whose maths: ours, the published CorePulse's, or the ComfyUI prompt injection node's. */
enum class Mode { standard, corepulse, comfy };

/** One wish: an effect, and where, when, in what part of the picture and on which rows it acts. */
struct Control {
  Effect effect;
  std::string where;  ///< "middle:0, output:1"; "": all layers of the effect's attention; lora: everything;
                      ///< controlnet: all that it adds to.
  Window when;
  std::optional<Region> region;  ///< Absent: everywhere.
  std::optional<Rows> rows;      ///< Absent: cond; lora, controlnet, picture_prompt: both; legacy modes: theirs.
  std::vector<int> images;       ///< Indices in the batch; empty: all.
  std::vector<int> heads;        ///< Empty: all.
  Mode mode = Mode::standard;
  bool enabled = true;
  bool operator==(const Control&) const = default;

  // Fluent: each returns a copy with one field set.
  [[nodiscard]] Control at(std::string selector) const;
  [[nodiscard]] Control steps(int first, int end) const;            ///< first <= step < end.
  [[nodiscard]] Control progress(double first, double last) const;  ///< Both ends included, as all but steps.
  [[nodiscard]] Control sigma(double start, double end) const;      ///< start >= sigma >= end; start may be infinity.
  [[nodiscard]] Control percent(double start, double end) const;    ///< ComfyUI's: 0 is the noisiest timestep.
  [[nodiscard]] Control during(Window window) const;
  [[nodiscard]] Control within(Region part) const;
  [[nodiscard]] Control on(Rows which) const;
  [[nodiscard]] Control for_images(std::vector<int> which) const;
  [[nodiscard]] Control for_heads(std::vector<int> which) const;
  [[nodiscard]] Control as(Mode which) const;
  [[nodiscard]] Control enable(bool on) const;
  /** @throws Error{invalid_request} if the effect has no strength (likewise below). */
  [[nodiscard]] Control strength(Curve curve) const;
  [[nodiscard]] Control gains(Curve k, Curve v) const;      ///< inject, picture_prompt, share.
  [[nodiscard]] Control occurrence(int n) const;            ///< Those with a phrase.
  [[nodiscard]] Control context(TokenContext which) const;  ///< mask_tokens, replace_tokens.
};

/** "inject", "mask_tokens", ...: the recipe's `kind`. */
const char* kind_name(const Effect& effect) noexcept;

Control inject(std::string prompt);
Control reweight(Tokens tokens, Curve scale);
Control mask_tokens(Tokens tokens);
Control replace_tokens(Tokens tokens, std::string with);
Control value_gain(Tokens tokens, Curve gain);
Control regions(std::vector<RegionPrompt> prompts, Curve base_share = 0);
/** Inside `.within(source)`, look at `target` `scale` times as much. */
Control attend(Region target, Curve scale);
Control temperature(Curve value, AttentionKind attention = AttentionKind::self);
Control smooth(Curve strength);
Control share_image(int image, Share::How how = Share::How::with);
Control share_recording(std::string file, Share::How how = Share::How::instead);
Control share(Share numbers);
Control prompt_to_prompt(std::string prompt, PromptToPrompt::Method method = PromptToPrompt::Method::refine);
/** @param prompt absent: the request's negative prompt. */
Control normalized_guidance(std::optional<std::string> prompt = {}, Curve scale = 2);
Control guide_by(GuideBy::Perturb perturb, Curve scale = 3);
Control lora(std::string file, Curve strength = 1);
Control controlnet(std::string file, std::string picture, Curve strength = 1);
Control picture_prompt(std::string file, std::vector<std::string> pictures, Curve strength = 1);
Control freeu(FreeU numbers);
/** Resnets add what they add in image `image` of the batch, or added in a recorded run. */
Control features(int image);
Control features(std::string recording);
/** Within a region, behind every step: as image `image` of the batch. */
Control blend(int image = 0, Curve strength = 1);
Control guidance(Curve scale);
Control rescaled_guidance(Curve strength = 0.7);
Control zero_star_guidance(Curve strength = 1);
Control tangential_guidance(Curve strength = 1);
Control projected_guidance(ProjectedGuidance numbers = {});
Control frequency_guidance(Curve low, Curve high);
Control skimmed_guidance(Curve scale = 7);
Control thresholded_guidance(Curve mimic = 7, double percentile = 1);
Control pooled(std::string prompt, Curve strength = 1);
Control time_ids(SizeConditioning ids);
Control negative(std::string prompt);
Control capture(Tokens tokens, std::string name = "");
Control record(std::string name);

}  // namespace corepulse
