#include "pipeline/generate.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "mlx/transforms.h"

#include "engine/memory.h"
#include "kernels/stop.h"
#include "pipeline/callback.h"
#include "pipeline/capture/heat_maps.h"
#include "pipeline/denoise.h"
#include "pipeline/encode_prompt.h"
#include "pipeline/finite.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/functions.h"
#include "pipeline/init/latents.h"
#include "pipeline/picture/preview.h"
#include "sampler/noise/noise.h"

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

void decode(const model::Model& model, const model::Parts& parts, const mx::array& latents, const Prepared& prepared,
            bool pictures, Result& result) {
  const auto& [recipe, schedule] = std::tie(prepared.resolved.recipe, prepared.resolved.schedule);
  for (int i = 0; i < latents.shape(0); ++i) {  // one by one: the decoder's activations are the largest of a run
    const auto latent = image_of(latents, i);
    result.latents.push_back(as_torch_orders(latent));
    if (!pictures) continue;
    const auto picture = model.vae.decode_within_memory(latent);
    const bool finite = is_finite(picture);
    kernels::check_stop();  // before an unfinished picture is called a damaged one
    if (!finite) fail_not_finite("the decoded picture holds infinite or undefined numbers", parts, model.vae.dtype());
    result.images.push_back(to_image(picture));
    if (prepared.start) finish(*prepared.start, *recipe.init, schedule.steps(), result.images.back());
  }
}

/** A GPU takes all images of a batch at once. */
bool one_by_one() {
  return mx::default_device() == mx::Device::cpu;
}

void require_memory_for(const model::Model& model, mx::Dtype dtype, const Prepared& prepared, bool pictures,
                        size_t recorded) {
  const auto& resolved = prepared.resolved;
  const size_t bytes = recorded * size_of(dtype);
  const auto calls = calls_of(prepared.control, one_by_one());
  const auto recordings = bytes > 0 ? fmt::format(" with {} of recordings", engine::gigabytes(bytes)) : "";
  require_memory(fmt::format("a picture of {}x{}{}", resolved.recipe.width, resolved.recipe.height, recordings),
                 activation_bytes(model.unet.config(), model.vae.config(), resolved, calls, pictures) + bytes);
}

/** A run while it goes on: what live edits change, and what watches it. */
struct Running {
  const model::Model& model;
  Prepared& prepared;
  Result& result;
  HeatMaps& heat_maps;
  Recorder& recorder;
  std::vector<EncodedText> texts = {};

  attention::Instruments instruments(const Request& request) const {
    const auto& resolved = prepared.resolved;
    return {.observer = &heat_maps,
            .recorder = &recorder,
            .recordings = [this](int i, const auto&... at) { return prepared.recordings.at(i)->read(at...); },
            .functions = attention_functions(prepared.control, request.functions, resolved.latent_height,
                                             resolved.latent_width)};
  }

  /** What was watched goes into the result. */
  void keep_watched() const {
    result.heat_maps = heat_maps.maps(), result.recordings = recorder.recordings();
    if (!prepared.start || !prepared.start->around) return;
    const auto& [left, top, width, height] = prepared.start->around->part;
    for (auto& map : result.heat_maps) map.part = HeatMap::Part{left, top, width, height};
  }

  void encode() { encode_texts(model, prepared.control.texts(), prepared.resolved.recipe, texts); }

  void take(LiveEdits& live, int step) {
    live.take(step + 1 == prepared.resolved.schedule.steps(), [&](ResolvedControls edit) {
      auto& [controls, program, recordings] = edit;
      for (auto& line : neutral_notes(program, fmt::format("edit at step {}: ", step)))
        result.notes.push_back(std::move(line));
      prepared.control.edit(step, std::move(program));
      prepared.recordings = std::move(recordings);
      encode();
      heat_maps.enter(prepared.control.at(step));
      recorder.enter(prepared.control.at(step));
      auto& edits = result.recipe.edits;
      const auto later = std::find_if(edits.begin(), edits.end(), [=](const auto& e) { return e.step > step; });
      edits.insert(later, {step, std::move(controls)});
    });
  }
};

/** From x at the first step's sigma to the final latents; request.progress hears of every step. */
mx::array take_steps(const Run& run, const mx::array& x, const sampler::BatchNoise& noise, Running& running,
                     LiveEdits& live, const Request& request) {
  Clock clock;
  const auto on_step = [&](int i, double sigma, const mx::array&, const mx::array& denoised) {
    const auto show = [&](int image) { return preview(denoised, image, run.model.info); };
    const Progress at{i, run.schedule.steps(), sigma, clock.lap(), show};
    if (request.progress && !call_back(request.progress, at)) return false;
    if (i < run.schedule.steps()) running.take(live, i);
    return true;
  };
  return denoise(run, x, [&noise] { return noise(); }, on_step, running.result.model_calls);
}

}  // namespace

Result generate(const model::Model& model, const Outline& outline, mx::Dtype dtype, const MadeWith& made,
                Prepared& prepared, LiveEdits& live, const Request& request) {
  const kernels::StopScope stop(request.stop.get());
  const auto& resolved = prepared.resolved;
  const auto& recipe = resolved.recipe;
  const RecordedShape shape{model.unet.config(), resolved.latent_height, resolved.latent_width};
  require_memory_for(model, dtype, prepared, request.decode, recorded_numbers(prepared.control, shape));
  Result result{.recipe = recipe, .notes = prepared.notes};
  result.recipe.made_with = made;
  Clock clock;
  HeatMaps heat_maps(prepared.control, shape.latent_height, shape.latent_width);
  Recorder recorder(prepared.control, shape, made.model);
  Running running{model, prepared, result, heat_maps, recorder};
  running.encode();
  running.take(live, 0);
  result.seconds_text = clock.lap();

  const sampler::BatchNoise noise(recipe.rng, recipe.seeds, shape.latent_height, shape.latent_width);
  const auto start = start_latents(model, outline.parts, resolved, prepared.start, noise);
  const Run run{.model = model,
                .parts = outline.parts,
                .control = prepared.control,
                .schedule = resolved.schedule,
                .sampling = resolved.sampling,
                .dtype = dtype,
                .texts = running.texts,
                .time_ids = own_size(recipe),
                .guidance_rescale = recipe.guidance_rescale,
                .one_by_one = one_by_one(),
                .beside = start.beside,
                .between_steps = start.between_steps,
                .instruments = running.instruments(request)};
  const auto latents = take_steps(run, start.first, noise, running, live, request);
  result.seconds_steps = clock.lap();
  running.keep_watched();

  decode(model, outline.parts, latents, prepared, request.decode, result);
  result.seconds_decode = clock.lap();
  return result;
}

}  // namespace corepulse::pipeline
