#include "pipeline/encode_prompt.h"

#include "mlx/transforms.h"

#include "kernels/stop.h"
#include "sampler/noise/noise.h"
#include "text/prompt/encode.h"

namespace corepulse::pipeline {
namespace {

constexpr int kSizes = 4;  // of TimeIds, which SDXL's refiner is told, too

EncodedText zeros_like(const EncodedText& text) {
  EncodedText zero{mx::zeros_like(text.context), {}};
  if (text.pooled) zero.pooled = mx::zeros_like(*text.pooled);
  return zero;
}

/** The context put together from positions of texts that are encoded already. */
mx::array picked(const std::vector<control::Pick>& picks, const std::vector<EncodedText>& texts) {
  std::vector<mx::array> tokens;
  for (const auto& pick : picks) {
    const auto& context = texts.at(pick.text).context;
    tokens.push_back(mx::slice(context, {0, pick.position, 0}, {1, pick.position + 1, context.shape(2)}));
  }
  return mx::concatenate(tokens, 1);
}

/** Whether SDXL reads zeros for this text, as the compatible tool gives it to a model. */
bool is_zeroed(const model::Model& model, const control::ContextSpec& text, Compat compat) {
  if (!text.negative || !text.prompt.empty() || text.second) return false;
  if (compat == Compat::a1111) return model.unet.config().addition_input > 0;
  return compat == Compat::diffusers && model.zeros_for_empty_prompt;
}

mx::array with_noise(const mx::array& context, double deviation, unsigned seed) {
  const auto noise = sampler::make_noise(NoiseKind::cpu, seed)->next({1, context.shape(1), context.shape(2)});
  const auto array = mx::astype(mx::array(noise.begin(), context.shape(), mx::float32), context.dtype());
  return context + array * like(static_cast<float>(deviation), context);
}

/** The pooled vector of a row that reads `own`, which takes the prompt's part in plan.pooled. */
mx::array mixed_pooled(const std::vector<EncodedText>& texts, const control::StepPlan& plan, control::TextId own) {
  const auto vector = [&](size_t i) { return *texts[plan.pooled[i].first == 0 ? own : plan.pooled[i].first].pooled; };
  if (plan.pooled.size() == 1) return vector(0);
  auto sum = vector(0) * like(plan.pooled[0].second, vector(0));
  for (size_t i = 1; i < plan.pooled.size(); ++i) sum = sum + vector(i) * like(plan.pooled[i].second, vector(0));
  return sum;
}

/** By text encoder; all of as many chunks. */
std::vector<text::ChunkedPrompt> chunked_for_all(const model::Model& model, const PromptText& prompt,
                                                 PromptSyntax syntax, const text::EmbeddedWords* words,
                                                 const std::optional<PromptText>& second) {
  std::vector<text::ChunkedPrompt> prompts;
  size_t chunks = 0;
  for (size_t i = 0; i < model.text_encoders.size(); ++i) {
    const auto& read = i > 0 && second ? *second : prompt;
    prompts.push_back(text::chunked(model.text_encoders[i].tokenizer, read, syntax, text::change_of(words, i)));
    chunks = std::max(chunks, prompts.back().chunks.size());
  }
  for (size_t i = 0; i < prompts.size(); ++i) extend(prompts[i], model.text_encoders[i].tokenizer, chunks);
  return prompts;
}

}  // namespace

EncodedText encode_prompt(const model::Model& model, const PromptText& prompt, int clip_skip, PromptSyntax syntax,
                          const text::EmbeddedWords* words, const std::optional<PromptText>& second) {
  std::vector<mx::array> contexts;
  std::optional<mx::array> pooled;
  const auto prompts = chunked_for_all(model, prompt, syntax, words, second);
  for (size_t i = 0; i < prompts.size(); ++i) {
    const auto& encoder = model.text_encoders[i];
    auto rule = encoder.rule;
    rule.skip += clip_skip;
    text::AddedVectors added;
    if (words) added = [words, i](const std::vector<int>& ids) { return words->vectors(i, ids); };
    const auto encoding = text::encode(encoder.model, encoder.tokenizer, prompts[i], rule, syntax, added);
    contexts.push_back(encoding.context);
    if (model.unet.config().addition_input > 0) pooled = encoding.pooled;  // SDXL: the last encoder's
  }
  EncodedText text{contexts.size() == 1 ? contexts[0] : mx::concatenate(contexts, 2), pooled};
  mx::eval(text.context);
  if (text.pooled) mx::eval(*text.pooled);
  return text;
}

namespace {

/** What is written in the texts from `first` on; those with equal changes one after the other, as each costs a model.
 */
std::vector<std::optional<EncodedText>> read_by_changes(size_t first, const model::Model& model,
                                                        const std::vector<control::ContextSpec>& texts,
                                                        const Recipe& recipe, const text::EmbeddedWords* words,
                                                        const ChangedModel& changed, KnownTexts* known) {
  std::vector<std::optional<EncodedText>> all(texts.size() - first);
  for (size_t id = first; id < texts.size(); ++id) {
    if (all[id - first]) continue;
    const auto& changes = texts[id].changes;
    const auto other = changes.empty() ? nullptr : changed(changes);
    for (size_t same = id; same < texts.size(); ++same) {
      const auto& text = texts[same];
      if (all[same - first] || text.changes != changes) continue;
      const bool whole = text.negative && recipe.compat == Compat::diffusers;
      const int skip = whole ? 0 : recipe.clip_skip;
      const auto encode = [&] {
        auto made = encode_prompt(other ? *other : model, text.text(), skip, recipe.syntax, words, text.second);
        kernels::check_stop();  // before an unfinished text is kept for other runs
        return made;
      };
      const bool keep = known && !other && !words;
      all[same - first] = keep ? known->of({text.text(), text.second, skip, recipe.syntax}, encode) : encode();
      kernels::check_stop();
    }
  }
  return all;
}

}  // namespace

void encode_texts(const model::Model& model, const std::vector<control::ContextSpec>& texts, const Recipe& recipe,
                  std::vector<EncodedText>& encoded, const text::EmbeddedWords* words, const ChangedModel& changed,
                  KnownTexts* known) {
  auto whole = read_by_changes(encoded.size(), model, texts, recipe, words, changed, known);
  for (auto& one : whole) {
    const auto& text = texts[encoded.size()];
    if (is_zeroed(model, text, recipe.compat)) *one = zeros_like(*one);
    if (!text.picks.empty()) one->context = picked(text.picks, encoded);
    if (text.noise != 0) one->context = with_noise(one->context, text.noise, text.noise_seed);
    mx::eval(one->context);
    encoded.push_back(std::move(*one));
  }
}

std::vector<mx::array> contexts(const std::vector<EncodedText>& texts) {
  std::vector<mx::array> result;
  for (const auto& text : texts) result.push_back(text.context);
  return result;
}

std::optional<unet::AddedConditioning> added_conditioning(const std::vector<EncodedText>& texts,
                                                          const control::StepPlan& plan,
                                                          const control::TimeIds& own_time_ids,
                                                          const std::optional<AestheticScores>& scores,
                                                          const std::vector<control::Row>& rows) {
  if (!texts[0].pooled) return {};
  const auto ids = plan.time_ids.value_or(own_time_ids);
  std::vector<mx::array> pooled;
  std::vector<std::vector<float>> told;
  for (const auto& row : rows) {
    const bool prompt = row.conditional();
    pooled.push_back(prompt ? mixed_pooled(texts, plan, plan.text_of(row)) : *texts[plan.negative].pooled);
    told.emplace_back(ids.begin(), scores ? ids.begin() + kSizes : ids.end());
    if (scores) told.back().push_back(prompt ? scores->prompt : scores->negative);
  }
  return unet::AddedConditioning{mx::concatenate(pooled, 0), std::move(told)};
}

}  // namespace corepulse::pipeline
