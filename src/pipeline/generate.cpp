#include "pipeline/generate.h"

#include <fmt/format.h>
#include <memory>
#include <span>

#include "mlx/transforms.h"

#include "attention/keys.h"
#include "base/fail.h"
#include "engine/memory.h"
#include "engine/ranks.h"
#include "io/digest/sha256.h"
#include "kernels/stop.h"
#include "pipeline/finite.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/init/given.h"
#include "pipeline/init/second_pass.h"
#include "pipeline/pass.h"
#include "pipeline/picture/preview.h"

namespace corepulse::pipeline {
namespace {

std::vector<float> as_torch_orders(const mx::array& latent) {
  const auto nchw = mx::contiguous(mx::transpose(latent, {0, 3, 1, 2}));
  mx::eval(nchw);
  return {nchw.data<float>(), nchw.data<float>() + nchw.size()};
}

/** The picture of one image's latent. @param first whose start it is laid over; null: it stands by itself. */
Image decoded(const Setting& setting, const mx::array& latent, const Prepared* first, bool set_back) {
  const auto& vae = setting.model.vae;
  const auto picture = vae.decode_within_memory(latent);
  const bool finite = is_finite(picture);
  kernels::check_stop();  // before an unfinished picture is called a damaged one
  if (!finite)
    fail_not_finite("the decoded picture holds infinite or undefined numbers", setting.outline.parts, vae.dtype());
  auto image = to_image(picture);
  if (first && first->start)
    finish(*first->start, *first->resolved.recipe.init, first->resolved.schedule.steps(), set_back, image);
  return image;
}

void decode(const Setting& setting, const mx::array& latents, const Prepared& first, Result& result) {
  const bool all_anew = first.second && !first.second->start;  // by the second pass, whatever the first one kept
  for (int i = 0; i < latents.shape(0); ++i) {  // one by one: the decoder's activations are the largest of a run
    const auto latent = attention::row_of(latents, i);
    result.latents.push_back(as_torch_orders(latent));
    if (setting.request.decode) result.images.push_back(decoded(setting, latent, all_anew ? nullptr : &first, true));
  }
}

/** What the second pass makes of the first one's latents. */
StartFrom enlarged(const Setting& setting, const mx::array& latents, const Prepared& first) {
  const auto& pass = *first.resolved.recipe.second_pass;
  const auto& resolved = first.second->resolved;
  if (!starts_from_pictures(pass))
    return {.latents = resize_latents(latents, pass.upscale, resolved.latent_height, resolved.latent_width)};
  StartFrom from;
  for (int i = 0; i < latents.shape(0); ++i)
    from.pictures.push_back(fitted(decoded(setting, attention::row_of(latents, i), &first, false), Fit::stretch,
                                   resolved.recipe.width, resolved.recipe.height, *picture_filter(pass.upscale)));
  return from;
}

/** What passes of several runs, side by side, take of the memory. @param sides bytes of their ControlNets and picture
 * prompts. */
void require_memory_for(const std::vector<Setting>& settings, const std::vector<const Prepared*>& passes, bool pictures,
                        size_t recorded, size_t sides) {
  const auto& resolved = passes[0]->resolved;
  const auto& parts = passes[0]->outline->parts;
  const size_t held = recorded * size_of(settings[0].dtype);
  std::vector<const control::Timeline*> controls;
  for (const auto* pass : passes) controls.push_back(&pass->control);
  const auto calls = calls_of_all(controls, settings[0].one_by_one);
  const auto recordings = held > 0 ? fmt::format(" with {} of recordings", engine::gigabytes(held)) : "";
  const auto several = passes.size() > 1 ? fmt::format("{} pictures together, each", passes.size()) : "a picture";
  // As if nothing were held: what the run before left may be this one's, or goes (make_room).
  const size_t changed =
      most_changed_bytes(passes[0]->control, passes[0]->adapters, parts, settings[0].loaded.precision);
  require_memory(fmt::format("{} of {}x{}{}", several, resolved.recipe.width, resolved.recipe.height, recordings),
                 std::max(activation_bytes(parts.unet, settings[0].model.vae.config(), resolved, calls, pictures),
                          preview_bytes(settings[0].request.taesd, resolved)) +
                     held + changed + sides);
}

/** The passes beside these; empty: there are none. */
std::vector<const Prepared*> seconds_of(const std::vector<const Prepared*>& passes) {
  std::vector<const Prepared*> seconds;
  for (const auto* pass : passes)
    if (pass->second) seconds.push_back(pass->second.get());
  return seconds;
}

void require_memory_for_all(const std::vector<Setting>& settings, std::vector<const Prepared*> passes) {
  size_t recorded = 0;
  for (; !passes.empty(); passes = seconds_of(passes)) {
    const auto& next = passes[0]->resolved.recipe.second_pass;
    const bool pictures = next ? starts_from_pictures(*next) : settings[0].request.decode;
    size_t sides = 0;  // the model's are still held when the refiner's are
    const auto require = [&](const std::vector<const Prepared*>& runs) {
      const auto& resolved = runs[0]->resolved;
      const auto& unet = runs[0]->outline->parts.unet;
      recorded += recorded_numbers(runs[0]->control, {unet, resolved.latent_height, resolved.latent_width});
      sides += side_bytes(runs[0]->control, runs[0]->guides, settings[0].dtype) +
               picture_bytes(runs[0]->control, runs[0]->pictures, settings[0].dtype);
      require_memory_for(settings, runs, pictures, recorded, sides);
    };
    require(passes);
    if (passes[0]->refined) require({passes[0]->refined.get()});
  }
}

/** What runs before left yields to these: ControlNets and pictures that these do not ask for, and more where memory is
 * short. */
void make_room(const std::vector<Setting>& settings, const std::vector<RunToDraw>& runs) {
  std::vector<const Prepared*> first;
  Guides guides;
  PicturePrompts prompts;
  for (const auto& run : runs) {
    first.push_back(&run.prepared);
    guides.insert(guides.end(), run.prepared.guides.begin(), run.prepared.guides.end());
    prompts.insert(prompts.end(), run.prepared.pictures.begin(), run.prepared.pictures.end());
  }
  if (auto* side = settings[0].loaded.side) side->keep(guides);
  if (auto* seen = settings[0].loaded.pictures) seen->keep(prompts);
  if (const auto* pass = refined_pass(*first[0]))
    if (auto* side = settings[0].refiner->model.side) side->keep(pass->refined->guides);
  try {
    require_memory_for_all(settings, first);
  } catch (const Error& error) {
    const auto& yield = settings[0].loaded.yield;
    if (error.code() != ErrorCode::out_of_memory || !yield || !yield()) throw;
    require_memory_for_all(settings, first);
  }
}

/** The runs' passes, `place.pass` of each, to their latents. @param from by run. */
std::vector<mx::array> draw(const std::vector<Setting>& settings, const std::vector<Prepared*>& passes,
                            std::vector<StartFrom> from, const std::vector<LiveEdits*>& live, Place place,
                            std::vector<Result>& results) {
  std::vector<std::unique_ptr<Pass>> ready;
  for (size_t r = 0; r < passes.size(); ++r)
    ready.push_back(std::make_unique<Pass>(settings[r], *passes[r], std::move(from[r]), live[r], place, results[r]));
  return draw(ready);
}

/** Before anything is drawn: the processes among which the run is split do the same. */
void agree(engine::Ranks& ranks, const Result& result, const Request& request) {
  io::Sha256 given;
  for (const auto& latents : request.latents) given.update(std::as_bytes(std::span(latents)));
  given.update(std::as_bytes(std::span(&request.latents_are_x, 1)));
  const auto& made = result.recipe.made_with;
  const std::pair<const char*, std::string> all[] = {
      {"computes with another program, device or number type", made.program + made.backend + made.isa + made.dtype},
      {"has other weights", made.model + made.refiner},
      {"has another recipe", to_json(result.recipe)},
      {"starts from other latents", given.hex()}};
  for (const auto& [what, mine] : all) {
    const auto said = ranks.say(io::sha256_of(mine));
    for (size_t rank = 1; rank < said.size(); ++rank)
      if (said[rank] != said[0])
        fail(ErrorCode::invalid_request, "split_guidance",
             fmt::format("process {} {} than process 0; expected the same in all of them", rank, what));
  }
}

/** The second pass of each run over its first one's latents; `passes` become the second ones. */
std::vector<mx::array> draw_again(const std::vector<Setting>& settings, std::vector<Prepared*>& passes,
                                  const std::vector<mx::array>& latents, std::vector<Result>& results) {
  std::vector<StartFrom> from;
  for (size_t r = 0; r < passes.size(); ++r) {
    Clock clock;
    from.push_back(enlarged(settings[r], latents[r], *passes[r]));
    results[r].seconds_decode += clock.lap();
    passes[r] = passes[r]->second.get();
  }
  return draw(settings, passes, std::move(from), std::vector<LiveEdits*>(passes.size()), {2, 2}, results);
}

}  // namespace

std::vector<Result> generate(const LoadedModel& model, const Outline& outline, const MadeWith& made,
                             const std::vector<RunToDraw>& runs, bool one_by_one, const Refining* refiner) {
  const kernels::StopScope stop(runs[0].request.stop.get());
  std::vector<Setting> settings;
  std::vector<Result> results;
  std::vector<Prepared*> passes;
  std::vector<LiveEdits*> live;
  std::vector<StartFrom> from;
  for (const auto& [prepared, edits, request] : runs) {
    settings.push_back({model, *model.own, outline, model.precision.dtype, made.model, request, one_by_one, refiner});
    if (!request.taesd.empty()) settings.back().tiny = vae::open_tiny_decoder(request.taesd);
    results.push_back({.recipe = prepared.resolved.recipe, .notes = prepared.notes});
    results.back().recipe.made_with = made;
    passes.push_back(&prepared), live.push_back(&edits);
    from.push_back({.init = prepared.start ? &*prepared.start : nullptr});
    start_from_given(request, prepared.resolved, from.back());
  }
  if (model.ranks) {
    agree(*model.ranks, results[0], runs[0].request);
    results[0].notes.push_back(
        fmt::format("the rows of each model call were split between {} processes", model.ranks->size()));
  }
  make_room(settings, runs);
  const bool twice = passes[0]->second != nullptr;
  auto latents = draw(settings, passes, std::move(from), live, {1, twice ? 2 : 1}, results);
  if (twice) latents = draw_again(settings, passes, latents, results);
  if (model.ranks) model.ranks->part();  // one of them may decode alone, for minutes
  for (size_t r = 0; r < runs.size(); ++r) {
    Clock clock;
    decode(settings[r], latents[r], runs[r].prepared, results[r]);
    results[r].seconds_decode += clock.lap();
  }
  return results;
}

}  // namespace corepulse::pipeline
