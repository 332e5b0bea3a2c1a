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

}  // namespace

Pass::Pass(const Setting& setting, Prepared& prepared, StartFrom from, LiveEdits* live, Place place, Result& result)
    : setting_(setting),
      prepared_(prepared),
      live_(live),
      place_(place),
      result_(result),
      own_(setting.loaded, prepared, setting.fingerprint),
      probes_(setting.request.probes, {setting.model.unet.config(), prepared.resolved.latent_height,
                                       prepared.resolved.latent_width, place.pass}),
      noise_(prepared.resolved.recipe.rng, prepared.resolved.recipe.seeds, prepared.resolved.latent_height,
             prepared.resolved.latent_width) {
  if (prepared.refined)
    refined_.emplace(setting.refiner->model, *prepared.refined, setting.refiner->fingerprint, &own_);
  if (prepared.inversion) way_back(from);
  Clock clock;
  encode();
  take(0);
  result.seconds_text += clock.lap();
  auto start = start_latents(setting.model, setting.outline.parts, prepared.resolved, from, noise_);
  first_ = std::move(start.first);
  auto& run = run_.emplace(own_.run(setting.dtype, setting.one_by_one));
  run.beside = start.beside, run.memory = &memory_, run.between_steps = start.between_steps;
  if (!setting.request.probes.empty()) run.instruments.probe = &probes_;
  if (refined_) {
    run.later = &later_.emplace(refined_->run(setting.dtype, setting.one_by_one));
    later_->memory = &memory_;
    run.later_from = static_cast<int>(prepared.calls.size()), run.anew = prepared.handover->anew;
  }
  result.seconds_steps += clock.lap();
}

void Pass::encode() {
  own_.encode();
  if (refined_) refined_->encode();
}

/** The way back from the picture of the pass's `init` to what draws it; request.progress hears of every step. */
void Pass::way_back(StartFrom& from) {
  const auto& resolved = prepared_.inversion->resolved;
  Clock clock;
  ModelRun run(setting_.loaded, *prepared_.inversion, setting_.fingerprint);
  run.encode();
  result_.seconds_text += clock.lap();
  const auto on_step = [&](int i, double sigma, const mx::array&, const mx::array& denoised) {
    const auto show = [&](int) { return preview(denoised, 0, setting_.model.info); };
    const Progress at{i, resolved.schedule.steps(), sigma, clock.lap(), show, place_.pass, place_.passes, true};
    result_.seconds_steps += at.seconds;
    return !setting_.request.progress || call_back(setting_.request.progress, at);
  };
  way_ = invert(run.run(setting_.dtype, setting_.one_by_one),
                picture_latent(setting_.model, setting_.outline.parts, from.init->picture),
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
  const auto look = [&] {
    if (step > 0) own_.look_again(step);
  };
  if (!live_) return look();
  const auto apply = [&](ResolvedControls edit) {
    const auto note = [&](const std::vector<std::string>& lines) {
      result_.notes.insert(result_.notes.end(), lines.begin(), lines.end());
    };
    note(neutral_notes(edit.program, fmt::format("edit at step {}: ", step)));
    note(edit.notes);
    note(notes_of(edit.adapters, prepared_.adapters.size()));
    auto controls = std::move(edit.controls);
    pipeline::take(std::move(edit), step, prepared_);
    own_.edited(step);
    if (refined_) refined_->edited(step);
    name_words(prepared_, result_.recipe);
    auto& edits = result_.recipe.edits;
    const auto later = std::find_if(edits.begin(), edits.end(), [=](const auto& e) { return e.step > step; });
    edits.insert(later, {step, std::move(controls)});
  };
  live_->take(step + 1 == prepared_.resolved.schedule.steps(), apply, look);
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
  own_.keep_watched(result_);
  if (refined_) refined_->keep_watched(result_);
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
