#pragma once
// A sweep by many: a coordinator keeps the folder and hands out cells, workers draw them, wherever they are. What they
// say to each other are strings of bytes, for whatever carries them: MPI in `corepulse sweep`, else a socket, say.
//
//   corepulse::SweepCoordinator coordinator(sweep, options);  // one process
//   corepulse::SweepWorker worker(sweep, options);             // each GPU's process
//   for (std::string job; !(job = coordinator.next("gpu 3", worker.at_once())).empty();)
//     for (const auto& drawn : worker.draw(job)) coordinator.take("gpu 3", drawn);
//   coordinator.finish();
//
// Docs: docs/sweeps.md, "Many machines".

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/sweep.h"

namespace corepulse {

/**
 * Knows what is drawn, and by whom what is not. Its folder is as run_sweep leaves it; whatever ends it, another one
 * with `resume` goes on. One thread at a time.
 */
class SweepCoordinator {
 public:
  /**
   * Checks every cell, also against its model (without weights, and whatever numbers its dtype asks of the workers'
   * devices), and opens the journal. options.begin is called.
   * @throws as run_sweep before its first picture.
   */
  SweepCoordinator(const Sweep& sweep, SweepOptions options);
  ~SweepCoordinator();
  SweepCoordinator(const SweepCoordinator&) = delete;
  SweepCoordinator& operator=(const SweepCoordinator&) = delete;

  /**
   * What a worker shall draw next: at most so many cells, of one model and compared with pictures that nobody else
   * draws where that is possible. "": nothing is left to hand out, though others may be drawing still.
   * @param worker any name; to have several jobs at a time is allowed.
   */
  std::string next(const std::string& worker, size_t most = 1);
  /**
   * What a worker drew of a job: the picture, then the journal; options.progress is called. A cell that is there
   * already, for its worker was given up too early, stays as it is.
   * @throws Error bad_file (no such message), invalid_request (drawn from other weights), io, cancelled; what ended
   *   the worker's job.
   */
  void take(const std::string& worker, std::string_view drawn);
  /** The worker is gone: what it was to draw is handed out again. One that was never there is no error. */
  void lose(const std::string& worker);

  size_t left() const;  ///< Cells that have no picture yet, handed out or not.
  /** The table and the sheets of what there is. */
  SweepReport finish() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/** Draws what it is told to and keeps nothing but its model and the last job's plain pictures. */
class SweepWorker {
 public:
  /**
   * @param sweep the coordinator's. @param options its folder says how files are named in the pictures' recipes;
   * device, together and stop are the worker's own.
   */
  SweepWorker(const Sweep& sweep, SweepOptions options);
  ~SweepWorker();
  SweepWorker(const SweepWorker&) = delete;
  SweepWorker& operator=(const SweepWorker&) = delete;

  /**
   * How many cells a job is best of: options.together, or where that is 0 as many as its device is fastest with, 1 on
   * a CPU. @throws as Pipeline::load.
   */
  size_t at_once();

  /**
   * @return for SweepCoordinator::take, one for each cell. Where drawing fails after some cells: those, and last what
   * take throws as that error. @throws Error bad_file; all that generate throws, before any cell is drawn.
   */
  std::vector<std::string> draw(std::string_view job);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace corepulse
