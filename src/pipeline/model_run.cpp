#include "pipeline/model_run.h"

#include "mlx/ops.h"

#include "control/program/program_data.h"
#include "pipeline/functions.h"

namespace corepulse::pipeline {

ModelRun::ModelRun(const LoadedModel& model, Prepared& prepared, const std::string& fingerprint, ModelRun* before)
    : model_(model),
      prepared_(prepared),
      shape_{model.own->unet.config(), prepared.resolved.latent_height, prepared.resolved.latent_width},
      heat_maps_(prepared.control, shape_.latent_height, shape_.latent_width, before ? &before->heat_maps_ : nullptr),
      recorder_(prepared.control, shape_, fingerprint),
      networks_(model, prepared.outline->parts, prepared, texts_),
      pictures_(model.pictures, prepared.pictures, model.precision.dtype),
      goes_on_(before) {}

void ModelRun::encode() {
  if (reads_own_texts(prepared_.control))
    encode_texts(model_, *model_.own, {}, prepared_.outline->parts, prepared_, texts_);
}

void ModelRun::edited(int step) {
  encode();
  heat_maps_.enter(prepared_.control.at(step));
  recorder_.enter(prepared_.control.at(step));
}

control::LiveMasks ModelRun::seen() const {
  return [this](const Region& region, int image) { return heat_maps_.so_far(region, image); };
}

void ModelRun::look_again(int step) {
  const auto& program = prepared_.control.at(step);
  if (!program.lives()) return;
  prepared_.control.look(step, program.looking(step, seen(), prepared_.control.texts()));
  edited(step);
}

mx::array ModelRun::blended(int step, const mx::array& x) const {
  const auto& program = prepared_.control.at(step);
  if (program.data().blends.empty()) return x;
  std::vector<mx::array> images;
  for (int i = 0; i < x.shape(0); ++i) images.push_back(rows(x, i, i + 1));
  for (const auto& blend : program.data().blends)
    for (const int image : blend.images) {
      const auto share = program.share_of(blend, image, step, seen());
      if (share.empty()) continue;
      const mx::array m(share.begin(), {1, shape_.latent_height, shape_.latent_width, 1}, mx::float32);
      auto& own = images[static_cast<size_t>(image)];
      // Exact where m is 0 and 1.
      own = (mx::array(1.f) - m) * own + m * images[static_cast<size_t>(blend.image)];
    }
  return mx::concatenate(images, 0);
}

void ModelRun::keep_watched(Result& result) {
  for (auto& map : goes_on_ ? std::vector<HeatMap>() : heat_maps_.maps()) {
    if (prepared_.start && prepared_.start->around) {
      const auto& [left, top, width, height] = prepared_.start->around->part;
      map.part = HeatMap::Part{left, top, width, height};
    }
    result.heat_maps.push_back(std::move(map));
  }
  for (auto& recording : recorder_.recordings()) result.recordings.push_back(std::move(recording));
}

attention::Instruments ModelRun::instruments() {
  return {.observer = &heat_maps_,
          .recorder = &recorder_,
          .recordings = [this](int i, const auto&... at) { return prepared_.recordings.at(i)->read(at...); },
          .functions =
              attention_functions(prepared_.control, prepared_.functions, shape_.latent_height, shape_.latent_width),
          .pictures = [this](const auto&... at) { return pictures_(at...); }};
}

Run ModelRun::run(mx::Dtype dtype, bool one_by_one) {
  const auto& resolved = prepared_.resolved;
  const auto& parts = prepared_.outline->parts;
  return {.model = *model_.own,
          .parts = parts,
          .control = prepared_.control,
          .training = resolved.training,
          .schedule = resolved.schedule,
          .sampling = resolved.sampling,
          .dtype = dtype,
          .texts = texts_,
          .time_ids = own_size(resolved.recipe),
          .scores = scores_of(resolved.recipe, parts),
          .guidance_rescale = resolved.recipe.guidance_rescale,
          .one_by_one = one_by_one,
          .blend = [this](int step, const mx::array& x) { return blended(step, x); },
          .networks = &networks_,
          .ranks = model_.ranks,
          .instruments = instruments()};
}

}  // namespace corepulse::pipeline
