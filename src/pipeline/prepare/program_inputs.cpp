#include "pipeline/prepare/program_inputs.h"

#include <algorithm>
#include <tuple>

#include "base/fail.h"
#include "pipeline/denoise.h"
#include "text/prompt/chunks.h"
#include "text/prompt/read_prompt.h"
#include "text/prompt/schedule.h"
#include "unet/sites.h"

namespace corepulse::pipeline {
namespace {

control::TokenizedText tokenized(const text::ClipTokenizer& tokenizer, const PromptText& prompt, PromptSyntax syntax,
                                 const text::TokenChange& change) {
  const auto made = text::chunked(tokenizer, prompt, syntax, change);
  control::TokenizedText result{.positions = made.positions, .chunk = tokenizer.max_length()};
  for (const auto& token : made.tokens) result.tokens.push_back({token.id, token.begin, token.end});
  for (const auto& [ids, weights] : made.chunks) {
    result.ids.insert(result.ids.end(), ids.begin(), ids.end());
    result.weights.insert(result.weights.end(), weights.begin(), weights.end());
  }
  if (std::all_of(result.weights.begin(), result.weights.end(), [](double weight) { return weight == 1; }))
    result.weights.clear();
  return result;
}

constexpr double kAestheticScore = 6, kNegativeAestheticScore = 2.5;  // Diffusers', A1111's, ComfyUI's

/** A1111's prompts joined by AND, and the text of each that a step reads. */
void edit_prompts(const Recipe& recipe, int steps, control::ProgramInputs& in) {
  const auto by_step = [&](const std::string& prompt) {
    return text::texts_by_step(prompt, steps, recipe.compat == Compat::a1111);
  };
  const auto edit = [&](std::string& prompt, std::vector<std::string>& texts) {
    texts = by_step(prompt);
    prompt = texts[0];
    if (std::all_of(texts.begin(), texts.end(), [&](const auto& text) { return text == prompt; })) texts.clear();
  };
  const auto prompts = text::split_prompts(recipe.prompt);
  std::tie(in.prompt, in.prompt_weight) = prompts[0];
  for (size_t i = 1; i < prompts.size(); ++i) in.joined.push_back({prompts[i].second, by_step(prompts[i].first)});
  edit(in.prompt, in.prompts);
  edit(in.negative_prompt, in.negative_prompts);
}

/** Of a control's prompt: its window says when it is read. */
void refuse_editing(const std::string& written, int steps) {
  const auto texts = text::texts_by_step(written, steps);
  if (std::any_of(texts.begin(), texts.end(), [&](const auto& text) { return text != texts[0]; }))
    fail(ErrorCode::invalid_request, "prompt",
         "[from:to:when] and [a|b] change with the steps; expected them in the prompt and the negative prompt, and two "
         "controls with \"when\" for a control's");
}

}  // namespace

control::TimeIds own_size(const Recipe& recipe) {
  const auto height = static_cast<float>(recipe.height), width = static_cast<float>(recipe.width);
  return {height, width, 0, 0, height, width};
}

std::optional<AestheticScores> scores_of(const Recipe& recipe, const model::Parts& parts) {
  if (parts.family != Family::sdxl_refiner) return std::nullopt;
  return AestheticScores{static_cast<float>(recipe.aesthetic_score.value_or(kAestheticScore)),
                         static_cast<float>(recipe.negative_aesthetic_score.value_or(kNegativeAestheticScore))};
}

std::vector<control::Step> calls(const Resolved& resolved) {
  std::vector<control::Step> steps;
  for (const auto& at : sampler::evaluations(resolved.schedule, resolved.sampling))
    steps.push_back(step_of(at, resolved.schedule.steps(), static_cast<int>(steps.size())));
  return steps;
}

control::ProgramInputs inputs(const Resolved& resolved, const std::vector<control::Step>& calls,
                              const Surroundings* around, const Outline& outline, const Words& words,
                              MaskPictures& masks) {
  const auto& recipe = resolved.recipe;
  control::ProgramInputs in;
  in.sites = unet::sites(outline.parts.unet);
  in.joints = unet::joints(outline.parts.unet);
  in.resnets = unet::resnets(outline.parts.unet);
  in.image_height = recipe.height, in.image_width = recipe.width;
  in.latent_height = resolved.latent_height, in.latent_width = resolved.latent_width;
  if (around) in.whole = {around->picture.height, around->picture.width, around->part};
  in.calls = calls;
  in.batch = static_cast<int>(recipe.seeds.size());
  in.prompt = recipe.prompt, in.negative_prompt = recipe.negative_prompt;
  in.prompt_2 = recipe.prompt_2, in.negative_prompt_2 = recipe.negative_prompt_2;
  if (recipe.syntax == PromptSyntax::a1111) edit_prompts(recipe, resolved.schedule.steps(), in);
  in.guidance = recipe.guidance;
  in.guided_below_one = recipe.compat != Compat::diffusers;
  in.image_guidance = recipe.image_guidance;
  in.pooled = outline.parts.unet.addition_input > 0;
  if (in.pooled) in.time_ids = own_size(recipe);
  const auto syntax = recipe.syntax;
  in.reader = [syntax, steps = resolved.schedule.steps()](const std::string& written) {
    if (syntax == PromptSyntax::a1111) refuse_editing(written, steps);
    return text::read_prompt(written, syntax);
  };
  in.tokenizer = [&outline, words, syntax](const PromptText& prompt) {
    std::vector<control::TokenizedText> texts;
    for (const auto& tokenizer : outline.tokenizers)
      texts.push_back(tokenized(tokenizer, prompt, syntax, text::change_of(words.get(), texts.size())));
    return texts;
  };
  in.picture = [&masks](const Region& region) { return masks.read(region); };
  return in;
}

}  // namespace corepulse::pipeline
