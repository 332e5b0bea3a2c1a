#include "pipeline/model_run.h"

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
          .networks = &networks_,
          .ranks = model_.ranks,
          .instruments = instruments()};
}

}  // namespace corepulse::pipeline
