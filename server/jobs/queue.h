#pragma once
// Jobs wait here for the one worker that draws them, and whoever wants to know listens.
//
//   const Job job = queue.submit({.recipe = R"({"version": 1, "prompt": "a cat"})"});   // on the disk now
//   const auto kept = queue.on_end(job.id, [](const Job& job) { ... job.pictures ... });

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "jobs/drawing.h"
#include "jobs/job.h"
#include "jobs/store.h"

namespace corepulse::server {

struct Event {
  std::string name;  ///< "job", "step", "preview", "edit".
  std::string data;  ///< JSON.
  uint64_t number = 0;
  bool last = false;         ///< Nothing comes after it.
  const Job* job = nullptr;  ///< Of "job", while the listener is called.
  int step = 0, image = 0;   ///< Of "preview".
};
/**
 * Called from any thread while the queue is locked: it copies and sends what is there, and leaves what takes longer to
 * Queue::later. It must call nothing else of the queue.
 */
using EventListener = std::function<void(const Event&)>;

/** What the queue has seen since it began. */
struct QueueCounts {
  size_t waiting = 0;
  bool running = false;
  uint64_t submitted = 0, done = 0, failed = 0, cancelled = 0, refused = 0, steps = 0;
  double step_seconds = 0;
};

/** Any thread may use it. */
class Queue {
 public:
  /** Takes up what the store holds from before: see docs/server.md, "What survives". */
  Queue(Store& store, Drawing& drawing, const Folder& folder, const Limits& limits);
  /** stop(). */
  ~Queue();

  struct Watched {
    Job job;
    std::shared_ptr<void> subscription;  ///< Ends with this.
  };
  /** Checked and on the disk when it returns. @throws Problem 429, 400, 403; Error. */
  Job submit(Submission asked);
  /** And listened to from before it can begin: the listener misses no step. */
  Watched submit(Submission asked, EventListener listener);
  std::optional<Job> find(const std::string& id);
  /** Queued and running ones, newest last. */
  std::vector<Job> jobs();
  /** The job that is being drawn. */
  std::optional<Job> running();
  /** The latest preview of the running job's first image, PNG; "" if there is none. */
  std::string preview();
  /** A queued one is cancelled at once, a running one within a model call. False: there is none that is unfinished. */
  bool cancel(const std::string& id);
  /** New controls from the next step on; JSON. @throws Problem 404, 409; Error. */
  void edit(const std::string& id, const std::string& controls);
  /** Takes a finished job with its files out of the history. False: there is none. */
  bool purge(const std::string& id);

  /** First the whole job. The subscription ends with what is returned. @throws Problem 404. */
  std::shared_ptr<void> subscribe(const std::string& id, EventListener listener);
  /** Once, when it is finished; at once if it is. As later() does it. @throws Problem 404. */
  std::shared_ptr<void> on_end(const std::string& id, std::function<void(const Job&)> ended);

  /** Done by a thread of its own, one errand after the other, which keeps nobody from drawing. After stop() not. */
  void later(std::function<void()> errand);

  QueueCounts counts();
  /** Takes no more jobs; the running one is stopped and queued again. Errands that were left are done. */
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;  ///< Subscriptions may outlive the queue.
};

}  // namespace corepulse::server
