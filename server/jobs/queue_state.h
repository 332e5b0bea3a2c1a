#pragma once
// The queue's inside: what waits, what runs, who listens. queue.cpp is what others ask, worker.cpp the thread that
// draws.

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "jobs/channel.h"
#include "jobs/errands.h"
#include "jobs/queue.h"

namespace corepulse::server {

struct Queue::State {
  State(Store& kept, Drawing& draws, const Folder& files, const Limits& most)
      : store(kept), drawing(draws), folder(files), limits(most) {}

  /** The worker's thread: draws what waits until it is told to stop. */
  void work();

  // Under the lock:
  void insert(Job job);
  std::vector<Job> waiting_jobs() const;
  /** @param bytes of one more. @throws Problem 429, 503. */
  void require_place(size_t bytes);
  int position_of(size_t place) const { return int(place) + (running ? 1 : 0); }
  void tell(const std::string& id, const char* name, const std::function<std::string()>& data);
  void tell(const std::string& id, const Event& event);
  void tell(const Job& job);
  /** Of one that is not finished; else nothing. */
  std::optional<Job> current(const std::string& id) const;
  /** Tells the listener the job's state, and from now on what happens; until what is returned ends. */
  std::shared_ptr<void> listen(const std::shared_ptr<State>& self, const Job& job, EventListener listener);
  /** Taken out, to be destroyed without the lock. */
  std::optional<Channel> take_channel(const std::string& id);

  // Without it:
  /** What cannot be stored, as on a full disk, is kept here and tried again with every further one. */
  void save(const Job& job);
  /** All that is kept so. Under `saving`. */
  void save_rest();
  /** Saves it in its final state, and tells those who listen, as the last event. */
  void finish(const Job& job);

  Store& store;
  Drawing& drawing;
  const Folder& folder;
  Limits limits;
  std::mutex mutex;
  /** Held while jobs are saved, taken before `mutex`: else one that was read here early could be stored over a later
   * state of it. */
  std::mutex saving;
  std::condition_variable changed;
  std::vector<Job> waiting;  ///< In the order in which they will be drawn.
  std::optional<Job> running;
  std::shared_ptr<Watch> watch;       ///< Of the running one.
  bool cancelling = false;            ///< The running one.
  std::string preview;                ///< PNG, of the first image.
  std::vector<Event> preview_events;  ///< The last of each image, for those who listen from now on.
  std::map<std::string, Channel> channels;
  std::map<std::string, Job> ending;        ///< Taken out of `waiting`, and not told of yet.
  std::map<std::string, Job> unsaved;       ///< The disk is full, say.
  size_t reserved = 0, reserved_bytes = 0;  ///< Places of jobs that are being stored.
  QueueCounts counts;
  bool stopping = false;
  std::thread worker;
  /** Listeners hold it, who are held here. */
  std::shared_ptr<Errands> errands = std::make_shared<Errands>();

 private:
  void draw(Job& job, const std::shared_ptr<Watch>& watch);
  void on_step(const Watch::Step& step);
  void fail(Job& job);
  void end(Job job);
};

double unix_time();

}  // namespace corepulse::server
