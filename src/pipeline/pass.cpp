#include "pipeline/pass.h"

#include <algorithm>
#include <fmt/format.h>

#include "attention/keys.h"
#include "base/fail.h"
#include "pipeline/callback.h"
#include "pipeline/finite.h"
#include "pipeline/init/invert.h"
#include "pipeline/picture/preview.h"
#include "pipeline/prepare/recipe_words.h"
#include "sampler/noise/brownian_tree.h"

namespace corepulse::pipeline {
namespace {

/** What is seen of image i while its run goes on. */
Image preview_of(const Setting& setting, const mx::array& denoised, int i) {
  if (!setting.tiny) return preview(denoised, i, setting.model.info);
  const auto picture = (*setting.tiny)(attention::row_of(denoised, i));
  if (!is_finite(picture))
    fail(ErrorCode::bad_file, "taesd",
         fmt::format("{} makes infinite or undefined numbers of this model's latents", setting.request.taesd));
  return to_image(picture);
}

/** What the model's own text encoders are asked, if they are. */
void encode(const LoadedModel& model, const model::Parts& parts, const Prepared& run, std::vector<EncodedText>& texts) {
  if (reads_own_texts(run.control)) encode_texts(model, *model.own, {}, parts, run, texts);
}

RecordedShape shape_of(const Setting& setting, const Prepared& pass) {
  return {setting.model.unet.config(), pass.resolved.latent_height, pass.resolved.latent_width};
}

}  // namespace

Pass::Pass(const Setting& setting, Prepared& prepared, StartFrom from, LiveEdits* live, Place place, Result& result)
    : setting_(setting),
      prepared_(prepared),
      live_(live),
      place_(place),
      result_(result),
      heat_maps_(prepared.control, prepared.resolved.latent_height, prepared.resolved.latent_width),
      recorder_(prepared.control, shape_of(setting, prepared), setting.fingerprint),
      probes_(setting.request.probes, {setting.model.unet.config(), prepared.resolved.latent_height,
                                       prepared.resolved.latent_width, place.pass}),
      noise_(prepared.resolved.recipe.rng, prepared.resolved.recipe.seeds, prepared.resolved.latent_height,
             prepared.resolved.latent_width),
      networks_(setting.loaded, setting.outline.parts, prepared, texts_) {
  if (prepared.inversion) way_back(from);
  Clock clock;
  const auto& [model, parts] = std::tie(setting.model, setting.outline.parts);
  encode(setting.loaded, parts, prepared, texts_);
  take(0);
  result.seconds_text += clock.lap();
  const auto& resolved = prepared.resolved;
  auto start = start_latents(model, parts, resolved, from, noise_);
  first_ = std::move(start.first);
  run_.emplace(Run{.model = model,
                   .parts = parts,
                   .control = prepared.control,
                   .training = resolved.training,
                   .schedule = resolved.schedule,
                   .sampling = resolved.sampling,
                   .dtype = setting.dtype,
                   .texts = texts_,
                   .time_ids = own_size(resolved.recipe),
                   .guidance_rescale = resolved.recipe.guidance_rescale,
                   .one_by_one = setting.one_by_one,
                   .beside = start.beside,
                   .between_steps = start.between_steps,
                   .networks = &networks_,
                   .instruments = instruments()});
  result.seconds_steps += clock.lap();
}

attention::Instruments Pass::instruments() {
  const auto& resolved = prepared_.resolved;
  return {.observer = &heat_maps_,
          .recorder = &recorder_,
          .recordings = [this](int i, const auto&... at) { return prepared_.recordings.at(i)->read(at...); },
          .functions = attention_functions(prepared_.control, setting_.request.functions, resolved.latent_height,
                                           resolved.latent_width),
          .probe = setting_.request.probes.empty() ? nullptr : &probes_};
}

/** The way back from the picture of the pass's `init` to what draws it; request.progress hears of every step. */
void Pass::way_back(StartFrom& from) {
  const auto& run = *prepared_.inversion;
  const auto& resolved = run.resolved;
  const auto& parts = setting_.outline.parts;
  Clock clock;
  std::vector<EncodedText> texts;
  encode(setting_.loaded, parts, run, texts);
  result_.seconds_text += clock.lap();
  Networks networks(setting_.loaded, parts, run, texts);
  const auto on_step = [&](int i, double sigma, const mx::array&, const mx::array& denoised) {
    const auto show = [&](int) { return preview(denoised, 0, setting_.model.info); };
    const Progress at{i, resolved.schedule.steps(), sigma, clock.lap(), show, place_.pass, place_.passes, true};
    result_.seconds_steps += at.seconds;
    return !setting_.request.progress || call_back(setting_.request.progress, at);
  };
  way_ = invert({.model = setting_.model,
                 .parts = parts,
                 .control = run.control,
                 .training = resolved.training,
                 .schedule = resolved.schedule,
                 .sampling = resolved.sampling,
                 .dtype = setting_.dtype,
                 .texts = texts,
                 .time_ids = own_size(resolved.recipe),
                 .networks = &networks},
                picture_latent(setting_.model, parts, from.init->picture),
                prepared_.resolved.recipe.init->invert->refine, on_step, result_.model_calls);
  from.way = &*way_;
}

sampler::NoiseFunction Pass::fresh_noise() const {
  const auto& resolved = prepared_.resolved;
  const auto& recipe = resolved.recipe;
  if (!sampler::draws_on_a_tree(resolved.sampling.sampler, resolved.sampling.compat))
    return sampler::on_one_path([this] { return noise_(); });
  const auto tree =
      std::make_shared<sampler::TreeNoise>(recipe.rng, recipe.seeds, resolved.latent_height, resolved.latent_width,
                                           tree_span(resolved.schedule, resolved.sampling.compat));
  return [tree](sampler::Way way) { return (*tree)(way); };
}

void Pass::take(int step) {
  if (!live_) return;
  live_->take(step + 1 == prepared_.resolved.schedule.steps(), [&](ResolvedControls edit) {
    auto& [controls, program, recordings, adapters, guides] = edit;
    for (auto& line : neutral_notes(program, fmt::format("edit at step {}: ", step)))
      result_.notes.push_back(std::move(line));
    for (auto& line : notes_of(adapters, prepared_.adapters.size())) result_.notes.push_back(std::move(line));
    prepared_.control.edit(step, std::move(program));
    prepared_.recordings = std::move(recordings), prepared_.adapters = std::move(adapters);
    prepared_.guides = std::move(guides);
    encode(setting_.loaded, setting_.outline.parts, prepared_, texts_);
    name_words(prepared_, setting_.outline, result_.recipe);
    heat_maps_.enter(prepared_.control.at(step));
    recorder_.enter(prepared_.control.at(step));
    auto& edits = result_.recipe.edits;
    const auto later = std::find_if(edits.begin(), edits.end(), [=](const auto& e) { return e.step > step; });
    edits.insert(later, {step, std::move(controls)});
  });
}

bool Pass::after_step(int i, double sigma, double seconds, const mx::array& denoised) {
  const int steps = run_->schedule.steps();
  const auto& tell = setting_.request.progress;
  const auto show = [&](int image) { return preview_of(setting_, denoised, image); };
  if (tell && !call_back(tell, Progress{i, steps, sigma, seconds, show, place_.pass, place_.passes})) return false;
  if (i < steps) take(i);
  return true;
}

void Pass::keep_watched() {
  for (auto& map : heat_maps_.maps()) {
    if (prepared_.start && prepared_.start->around) {
      const auto& [left, top, width, height] = prepared_.start->around->part;
      map.part = HeatMap::Part{left, top, width, height};
    }
    result_.heat_maps.push_back(std::move(map));
  }
  for (auto& recording : recorder_.recordings()) result_.recordings.push_back(std::move(recording));
}

namespace {

/** The noise of all images; each pass draws its own. */
sampler::NoiseFunction noise_of_all(const std::vector<std::unique_ptr<Pass>>& passes) {
  std::vector<sampler::NoiseFunction> each;
  for (const auto& pass : passes) each.push_back(pass->fresh_noise());
  if (each.size() == 1) return each[0];
  return [each](sampler::Way way) {
    std::vector<mx::array> all;
    for (const auto& noise : each) all.push_back(noise(way));
    return mx::concatenate(all, 0);
  };
}

/** x's images by pass. */
std::vector<mx::array> by_pass(const mx::array& x, const std::vector<std::unique_ptr<Pass>>& passes) {
  if (passes.size() == 1) return {x};
  std::vector<mx::array> all;
  int first = 0;
  for (const auto& pass : passes) {
    all.push_back(rows(x, first, first + pass->images()));
    first += pass->images();
  }
  return all;
}

}  // namespace

std::vector<mx::array> draw(const std::vector<std::unique_ptr<Pass>>& passes) {
  std::vector<RunImages> runs;
  std::vector<mx::array> firsts;
  for (const auto& pass : passes) {
    runs.push_back({&pass->run(), pass->images()});
    firsts.push_back(pass->first());
  }
  auto x = firsts.size() == 1 ? firsts[0] : mx::concatenate(firsts, 0);
  Clock whole, step;
  const auto on_step = [&](int i, double sigma, const mx::array&, const mx::array& denoised) {
    const double seconds = step.lap();
    const auto each = by_pass(denoised, passes);
    for (size_t p = 0; p < passes.size(); ++p)
      if (!passes[p]->after_step(i, sigma, seconds, each[p])) return false;
    return true;
  };
  const auto calls = denoise_together(runs, x, noise_of_all(passes), on_step);
  const double seconds = whole.lap() / static_cast<double>(passes.size());
  for (size_t p = 0; p < passes.size(); ++p) {
    auto& result = passes[p]->result();
    result.model_calls += calls[p];
    result.seconds_steps += seconds;
    passes[p]->keep_watched();
  }
  return by_pass(x, passes);
}

}  // namespace corepulse::pipeline
