#pragma once
// The run's end of LiveControls: lists are checked on the thread that gives them and taken over between two steps.

#include <optional>

#include "corepulse/live_controls.h"
#include "corepulse/request.h"

#include "model/model.h"
#include "pipeline/prepare/prepare.h"

namespace corepulse {

class LiveEdits {
 public:
  /**
   * Opens request.live, if there is one, until the last step begins. The arguments must outlive this;
   * `prepared.control` may be changed inside what take() calls only. @param precision as the model is loaded with.
   * @throws Error{invalid_request} if it steers another run.
   */
  LiveEdits(const Request& request, const pipeline::Prepared& prepared, model::Precision precision);
  ~LiveEdits();
  LiveEdits(const LiveEdits&) = delete;
  LiveEdits& operator=(const LiveEdits&) = delete;

  /**
   * Calls `apply` with what was given since the last time, if anything was, then `and_then`. @param last the last step
   * begins.
   */
  void take(bool last, const std::function<void(pipeline::ResolvedControls)>& apply,
            const std::function<void()>& and_then);

 private:
  LiveControls* channel_;
  std::optional<pipeline::ResolvedControls> pending_;  ///< Guarded by the channel's mutex.
};

}  // namespace corepulse
