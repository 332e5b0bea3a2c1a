#pragma once
// New controls for a run that is going on.
//
//   request.live = std::make_shared<corepulse::LiveControls>();
//   request.progress = [live = request.live](const corepulse::Progress& at) {
//     if (at.step == 5) live->set({corepulse::inject("a dragon").at("content")});
//     return true;
//   };
//   const auto result = pipeline.generate(request);  // result.recipe.edits: from step 5 on these controls
//
// The result's recipe repeats the picture with all edits.

#include <functional>
#include <mutex>
#include <vector>

#include "corepulse/control.h"

namespace corepulse {

/** Steers one run at a time, from any thread and from the progress callback. */
class LiveControls {
 public:
  /**
   * From the run's next step on its controls are these and no others, up to the next edit. Given several times before
   * that step, the last list counts. A window that is over by then is no error: its control just does not act any more.
   * Returns when the list is checked. @throws Error{invalid_request} if a control is wrong, as before a run, or if no
   * run takes new controls: none has begun, or its last step has. The run then goes on with the controls it had.
   */
  void set(std::vector<Control> controls);
  /** Whether a run takes new controls: one has begun, and its last step has not. */
  bool is_open() const;

 private:
  friend class LiveEdits;
  mutable std::mutex mutex_;
  std::function<void(std::vector<Control>)> take_;  ///< Empty: no run.
};

}  // namespace corepulse
