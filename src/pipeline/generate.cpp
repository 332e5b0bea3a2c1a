#include "pipeline/generate.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "mlx/memory.h"
#include "mlx/transforms.h"

#include "control/program/program_data.h"
#include "engine/memory.h"
#include "kernels/stop.h"
#include "pipeline/callback.h"
#include "pipeline/capture/heat_maps.h"
#include "pipeline/denoise.h"
#include "pipeline/encode_prompt.h"
#include "pipeline/finite.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/functions.h"
#include "pipeline/init/given.h"
#include "pipeline/init/invert.h"
#include "pipeline/init/latents.h"
#include "pipeline/init/second_pass.h"
#include "pipeline/picture/preview.h"
#include "pipeline/prepare/recipe_words.h"
#include "pipeline/probes.h"
#include "sampler/noise/brownian_tree.h"
#include "sampler/noise/noise.h"
#include "vae/tiny_decoder.h"

namespace corepulse::pipeline {
namespace {

class Clock {
 public:
  /** Seconds since the last call. */
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

mx::array image_of(const mx::array& batch, int i) {
  return mx::slice(batch, {i, 0, 0, 0}, {i + 1, batch.shape(1), batch.shape(2), batch.shape(3)});
}

std::vector<float> as_torch_orders(const mx::array& latent) {
  const auto nchw = mx::contiguous(mx::transpose(latent, {0, 3, 1, 2}));
  mx::eval(nchw);
  return {nchw.data<float>(), nchw.data<float>() + nchw.size()};
}

/** What all passes of a run share. */
struct Setting {
  const LoadedModel& loaded;
  const model::Model& model;
  const Outline& outline;
  mx::Dtype dtype;
  const std::string& fingerprint;
  const Request& request;
  std::optional<vae::TinyDecoder> tiny = {};  ///< Draws previews.
};

/** What is seen of image i while its run goes on. */
Image preview_of(const Setting& setting, const mx::array& denoised, int i) {
  if (!setting.tiny) return preview(denoised, i, setting.model.info);
  const auto picture = (*setting.tiny)(image_of(denoised, i));
  if (!is_finite(picture))
    fail(ErrorCode::bad_file, "taesd",
         fmt::format("{} makes infinite or undefined numbers of this model's latents", setting.request.taesd));
  return to_image(picture);
}

/** The picture of one image's latent. */
Image decoded(const Setting& setting, const mx::array& latent, const Prepared& pass) {
  const auto& vae = setting.model.vae;
  const auto picture = vae.decode_within_memory(latent);
  const bool finite = is_finite(picture);
  kernels::check_stop();  // before an unfinished picture is called a damaged one
  if (!finite)
    fail_not_finite("the decoded picture holds infinite or undefined numbers", setting.outline.parts, vae.dtype());
  auto image = to_image(picture);
  if (pass.start) finish(*pass.start, *pass.resolved.recipe.init, pass.resolved.schedule.steps(), image);
  return image;
}

void decode(const Setting& setting, const mx::array& latents, const Prepared& pass, Result& result) {
  for (int i = 0; i < latents.shape(0); ++i) {  // one by one: the decoder's activations are the largest of a run
    const auto latent = image_of(latents, i);
    result.latents.push_back(as_torch_orders(latent));
    if (setting.request.decode) result.images.push_back(decoded(setting, latent, pass));
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
    from.pictures.push_back(fitted(decoded(setting, image_of(latents, i), first), Fit::stretch, resolved.recipe.width,
                                   resolved.recipe.height));
  return from;
}

/** A GPU takes all images of a batch at once. */
bool one_by_one() {
  return mx::default_device() == mx::Device::cpu;
}

void require_memory_for(const Setting& setting, const Prepared& pass, bool pictures, size_t recorded) {
  const auto& [model, dtype] = std::tie(setting.model, setting.dtype);
  const auto& resolved = pass.resolved;
  const size_t held = recorded * size_of(dtype);
  const auto calls = calls_of(pass.control, one_by_one());
  const auto recordings = held > 0 ? fmt::format(" with {} of recordings", engine::gigabytes(held)) : "";
  // As if nothing were held: what the run before left may be this one's, or goes (make_room).
  const size_t changed =
      most_changed_bytes(pass.control, pass.adapters, setting.outline.parts, setting.loaded.precision);
  require_memory(fmt::format("a picture of {}x{}{}", resolved.recipe.width, resolved.recipe.height, recordings),
                 activation_bytes(model.unet.config(), model.vae.config(), resolved, calls, pictures) + held + changed);
}

void require_memory_for_all(const Setting& setting, const Prepared& first) {
  const auto& unet = setting.model.unet.config();
  size_t recorded = 0;
  for (const auto* pass = &first; pass; pass = pass->second.get()) {
    const auto& resolved = pass->resolved;
    recorded += recorded_numbers(pass->control, {unet, resolved.latent_height, resolved.latent_width});
    const auto& next = resolved.recipe.second_pass;
    require_memory_for(setting, *pass, next ? starts_from_pictures(*next) : setting.request.decode, recorded);
  }
}

/** What runs before left of changed weights yields to this one. */
void make_room(const Setting& setting, const Prepared& first) {
  auto& variants = setting.loaded.variants;
  try {
    require_memory_for_all(setting, first);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::out_of_memory || variants.empty()) throw;
    variants.clear();
    mx::clear_cache();
    require_memory_for_all(setting, first);
  }
}

/** What the model's own text encoders are asked, if they are. */
void encode(const LoadedModel& model, const model::Parts& parts, const Prepared& run, std::vector<EncodedText>& texts) {
  if (reads_own_texts(run.control)) encode_texts(model, *model.own, {}, parts, run, texts);
}

/** A pass while it goes on: what live edits change, and what watches it. */
struct Running {
  const LoadedModel& model;
  const Outline& outline;
  Prepared& prepared;
  Result& result;
  HeatMaps& heat_maps;
  Recorder& recorder;
  Probes& probes;
  std::vector<EncodedText> texts = {};

  attention::Instruments instruments(const Request& request) const {
    const auto& resolved = prepared.resolved;
    return {.observer = &heat_maps,
            .recorder = &recorder,
            .recordings = [this](int i, const auto&... at) { return prepared.recordings.at(i)->read(at...); },
            .functions =
                attention_functions(prepared.control, request.functions, resolved.latent_height, resolved.latent_width),
            .probe = request.probes.empty() ? nullptr : &probes};
  }

  /** What was watched goes into the result. */
  void keep_watched() const {
    for (auto& map : heat_maps.maps()) {
      if (prepared.start && prepared.start->around) {
        const auto& [left, top, width, height] = prepared.start->around->part;
        map.part = HeatMap::Part{left, top, width, height};
      }
      result.heat_maps.push_back(std::move(map));
    }
    for (auto& recording : recorder.recordings()) result.recordings.push_back(std::move(recording));
  }

  void take(LiveEdits* live, int step) {
    if (!live) return;
    live->take(step + 1 == prepared.resolved.schedule.steps(), [&](ResolvedControls edit) {
      auto& [controls, program, recordings, adapters] = edit;
      for (auto& line : neutral_notes(program, fmt::format("edit at step {}: ", step)))
        result.notes.push_back(std::move(line));
      for (auto& line : notes_of(adapters, prepared.adapters.size())) result.notes.push_back(std::move(line));
      prepared.control.edit(step, std::move(program));
      prepared.recordings = std::move(recordings), prepared.adapters = std::move(adapters);
      encode(model, outline.parts, prepared, texts);
      name_words(prepared, outline, result.recipe);
      heat_maps.enter(prepared.control.at(step));
      recorder.enter(prepared.control.at(step));
      auto& edits = result.recipe.edits;
      const auto later = std::find_if(edits.begin(), edits.end(), [=](const auto& e) { return e.step > step; });
      edits.insert(later, {step, std::move(controls)});
    });
  }
};

/** What the sampler draws on its way. */
sampler::NoiseFunction fresh_noise(const Resolved& resolved, const sampler::BatchNoise& noise) {
  const auto& recipe = resolved.recipe;
  if (!sampler::draws_on_a_tree(resolved.sampling.sampler, resolved.sampling.compat))
    return sampler::on_one_path([&noise] { return noise(); });
  const auto tree =
      std::make_shared<sampler::TreeNoise>(recipe.rng, recipe.seeds, resolved.latent_height, resolved.latent_width,
                                           tree_span(resolved.schedule, resolved.sampling.compat));
  return [tree](sampler::Way way) { return (*tree)(way); };
}

/** A pass of a run: the first, or the one that it has beside it. */
struct Place {
  int pass = 1, passes = 1;
};

/** The way back from the picture of the pass's `init` to what draws it; request.progress hears of every step. */
Way way_back(const Setting& setting, const Prepared& pass, Place place, Result& result) {
  const auto& run = *pass.inversion;
  const auto& resolved = run.resolved;
  Clock clock;
  std::vector<EncodedText> texts;
  encode(setting.loaded, setting.outline.parts, run, texts);
  result.seconds_text += clock.lap();
  Networks networks(setting.loaded, setting.outline.parts, run, texts);
  const auto on_step = [&](int i, double sigma, const mx::array&, const mx::array& denoised) {
    const auto show = [&](int) { return preview(denoised, 0, setting.model.info); };
    const Progress at{i, resolved.schedule.steps(), sigma, clock.lap(), show, place.pass, place.passes, true};
    result.seconds_steps += at.seconds;
    return !setting.request.progress || call_back(setting.request.progress, at);
  };
  return invert({.model = setting.model,
                 .parts = setting.outline.parts,
                 .control = run.control,
                 .training = resolved.training,
                 .schedule = resolved.schedule,
                 .sampling = resolved.sampling,
                 .dtype = setting.dtype,
                 .texts = texts,
                 .time_ids = own_size(resolved.recipe),
                 .networks = &networks},
                picture_latent(setting.model, setting.outline.parts, pass.start->picture),
                pass.resolved.recipe.init->invert->refine, on_step, result.model_calls);
}

/** From x at the first step's sigma to the final latents; request.progress hears of every step. */
mx::array take_steps(const Run& run, const mx::array& x, const sampler::BatchNoise& noise, Running& running,
                     LiveEdits* live, const Setting& setting, Place place) {
  const auto& request = setting.request;
  Clock clock;
  const auto on_step = [&](int i, double sigma, const mx::array&, const mx::array& denoised) {
    const auto show = [&](int image) { return preview_of(setting, denoised, image); };
    const Progress at{i, run.schedule.steps(), sigma, clock.lap(), show, place.pass, place.passes};
    if (request.progress && !call_back(request.progress, at)) return false;
    if (i < run.schedule.steps()) running.take(live, i);
    return true;
  };
  return denoise(run, x, fresh_noise(running.prepared.resolved, noise), on_step, running.result.model_calls);
}

/** One pass to its final latents. @param live null: it takes no edits. */
mx::array draw(const Setting& setting, Prepared& pass, StartFrom from, LiveEdits* live, Place place, Result& result) {
  const auto& [model, outline] = std::tie(setting.model, setting.outline);
  const auto& resolved = pass.resolved;
  const auto& recipe = resolved.recipe;
  const RecordedShape shape{model.unet.config(), resolved.latent_height, resolved.latent_width};
  std::optional<Way> way;
  if (pass.inversion) from.way = &way.emplace(way_back(setting, pass, place, result));
  Clock clock;
  HeatMaps heat_maps(pass.control, shape.latent_height, shape.latent_width);
  Recorder recorder(pass.control, shape, setting.fingerprint);
  Probes probes(setting.request.probes, {shape.unet, shape.latent_height, shape.latent_width, place.pass});
  Running running{setting.loaded, outline, pass, result, heat_maps, recorder, probes};
  encode(setting.loaded, setting.outline.parts, pass, running.texts);
  running.take(live, 0);
  result.seconds_text += clock.lap();

  const sampler::BatchNoise noise(recipe.rng, recipe.seeds, shape.latent_height, shape.latent_width);
  Networks networks(setting.loaded, outline.parts, pass, running.texts);
  const auto start = start_latents(model, outline.parts, resolved, from, noise);
  const Run run{.model = model,
                .parts = outline.parts,
                .control = pass.control,
                .training = resolved.training,
                .schedule = resolved.schedule,
                .sampling = resolved.sampling,
                .dtype = setting.dtype,
                .texts = running.texts,
                .time_ids = own_size(recipe),
                .guidance_rescale = recipe.guidance_rescale,
                .one_by_one = one_by_one(),
                .beside = start.beside,
                .between_steps = start.between_steps,
                .networks = &networks,
                .instruments = running.instruments(setting.request)};
  const auto latents = take_steps(run, start.first, noise, running, live, setting, place);
  result.seconds_steps += clock.lap();
  running.keep_watched();
  return latents;
}

}  // namespace

Result generate(const LoadedModel& model, const Outline& outline, const MadeWith& made, Prepared& prepared,
                LiveEdits& live, const Request& request) {
  const kernels::StopScope stop(request.stop.get());
  Setting setting{model, *model.own, outline, model.precision.dtype, made.model, request};
  if (!request.taesd.empty()) setting.tiny = vae::open_tiny_decoder(request.taesd);
  make_room(setting, prepared);
  Result result{.recipe = prepared.resolved.recipe, .notes = prepared.notes};
  result.recipe.made_with = made;
  const int passes = prepared.second ? 2 : 1;
  StartFrom from{.init = prepared.start ? &*prepared.start : nullptr};
  start_from_given(request, prepared.resolved, from);
  auto latents = draw(setting, prepared, std::move(from), &live, {1, passes}, result);
  Clock clock;
  auto* last = &prepared;
  if (prepared.second) {
    from = enlarged(setting, latents, prepared);
    result.seconds_decode = clock.lap();
    last = prepared.second.get();
    latents = draw(setting, *last, from, nullptr, {2, passes}, result);
    clock.lap();
  }
  decode(setting, latents, *last, result);
  result.seconds_decode += clock.lap();
  return result;
}

}  // namespace corepulse::pipeline
