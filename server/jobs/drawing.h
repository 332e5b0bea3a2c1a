#pragma once
// One job drawn: recipe in, files out, with what is told on the way.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "corepulse/live_controls.h"
#include "corepulse/pipeline.h"

#include "files/folder.h"
#include "files/names.h"
#include "jobs/acting.h"
#include "jobs/job.h"
#include "jobs/models.h"

namespace corepulse::server {

/** What a drawing tells, on the engine's thread, and what may be done to it meanwhile. */
struct Watch {
  struct Step {
    int step = 0, steps = 0, pass = 1, passes = 1;
    double sigma = 0, seconds = 0;
    bool inverting = false;
    std::vector<int> acting;            ///< Indices of the controls that act in it.
    std::vector<std::string> previews;  ///< PNG, one per image; empty: none at this step.
  };
  std::function<void(const Step&)> on_step;
  /** Of a sweep, after each cell: the job has one picture more. */
  std::function<void(const Job&)> on_cell;
  std::shared_ptr<std::atomic<bool>> stop = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<LiveControls> live = std::make_shared<LiveControls>();
  std::atomic<bool> edited = false;  ///< `live` was given something, or may have been.

  void set_acting(Acting acting);
  std::vector<int> acting_at(int pass, int step) const;

 private:
  mutable std::mutex mutex_;
  Acting acting_;
};

struct Limits {
  int64_t most_pixels = 4 << 20;  ///< Of one picture.
  int most_steps = 1000, most_images = 16, most_controls = 256, most_cells = 1000;
  size_t most_waiting = 64;                       ///< Jobs.
  size_t most_waiting_bytes = size_t{256} << 20;  ///< Of their recipes.
};

class Drawing {
 public:
  Drawing(Names& names, const Folder& folder, Models& models, const Limits& limits)
      : names_(names), folder_(folder), models_(models), limits_(limits) {}

  /** Finds out without drawing whether it can be drawn; fills prompt, steps and resolved. @throws Problem, Error. */
  void check(Job& job);
  /**
   * Fills pictures, heat maps, resolved and notes; their files are whole and on the disk. Pictures of a sweep that the
   * job has already are not drawn again. @throws Error; cancelled where the watch says stop.
   */
  void draw(Job& job, Watch& watch);
  /** corepulse::explain of a recipe with the client's names; so is the result. @throws Problem, Error. */
  Explanation explain(const std::string& recipe);
  /** Gives a running job new controls, as JSON with the client's names. @throws Problem 409, no step ahead; Error. */
  void edit(const Job& job, Watch& watch, const std::string& controls);

 private:
  Recipe recipe_of(const Submission& asked);
  Recipe opened(Recipe recipe);
  Explanation explained(const Recipe& opened);
  Result run(const Job& job, const Recipe& opened, Watch& watch);
  void save_heat_maps(Job& job, const Result& result);
  void draw_sweep(Job& job, Watch& watch);
  void save_sheet(Job& job, int columns);
  Names& names_;
  const Folder& folder_;
  Models& models_;
  Limits limits_;
};

/** What is wrong, without paths of this machine. */
template <class Call>
auto with_shown_names(Names& names, const Call& call) {
  try {
    return call();
  } catch (const Error& error) {
    throw Error(error.code(), names.shown(error.what()));
  }
}

}  // namespace corepulse::server
