#include "pipeline/live_edits.h"

#include "base/fail.h"
#include "pipeline/forecast/estimate.h"
#include "pipeline/guide/residuals.h"
#include "pipeline/weights/variants.h"

namespace corepulse {

void LiveControls::set(std::vector<Control> controls) {
  const std::lock_guard lock(mutex_);
  if (!take_)
    fail(ErrorCode::invalid_request, "live",
         "no run takes new controls: none has begun, or its last step has; expected a run with a step ahead; put the "
         "controls into the recipe");
  take_(std::move(controls));
}

bool LiveControls::is_open() const {
  const std::lock_guard lock(mutex_);
  return take_ != nullptr;
}

LiveEdits::LiveEdits(const Request& request, const pipeline::Prepared& prepared, model::Precision precision)
    : channel_(request.live.get()) {
  if (!channel_) return;
  const std::lock_guard lock(channel_->mutex_);
  if (channel_->take_) {
    channel_ = nullptr;
    fail(ErrorCode::invalid_request, "live", "it steers another run; expected LiveControls of this run's own");
  }
  channel_->take_ = [this, precision, &prepared](const std::vector<Control>& controls) {
    auto resolved = pipeline::resolve_edit(controls, prepared, "controls");
    pipeline::require_memory_to_record(resolved.program, prepared.resolved, prepared.outline->parts.unet);
    uint64_t loras = 0, sides = 0, pictures = 0;
    const auto count = [&](const pipeline::Prepared& run, const pipeline::ResolvedControls& edit) {
      loras += pipeline::added_bytes(run.control, edit.program, edit.adapters, run.outline->parts, precision);
      sides += pipeline::side_bytes(control::Timeline(edit.program), edit.guides, precision.dtype, &run.control);
      pictures +=
          pipeline::picture_bytes(control::Timeline(edit.program), edit.pictures, precision.dtype, &run.control);
    };
    count(prepared, resolved);
    if (resolved.refined) count(*prepared.refined, *resolved.refined);
    if (loras > 0) pipeline::require_memory("the LoRAs of the edit", loras);
    if (sides > 0) pipeline::require_memory("the ControlNets of the edit", sides);
    if (pictures > 0) pipeline::require_memory("the picture prompts of the edit", pictures);
    pending_.emplace(std::move(resolved));
  };
}

LiveEdits::~LiveEdits() {
  if (!channel_) return;
  const std::lock_guard lock(channel_->mutex_);
  channel_->take_ = nullptr;
}

void LiveEdits::take(bool last, const std::function<void(pipeline::ResolvedControls)>& apply,
                     const std::function<void()>& and_then) {
  if (!channel_) return and_then();
  const std::lock_guard lock(channel_->mutex_);
  if (last) channel_->take_ = nullptr;  // what is taken later would never act
  if (pending_) {
    auto edit = std::move(*pending_);
    pending_.reset();
    apply(std::move(edit));
  }
  and_then();
}

}  // namespace corepulse
