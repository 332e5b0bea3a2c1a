#pragma once
// Several processes that make one picture: which of them this is, and what they tell each other by MLX's distributed
// backends.

#include <atomic>
#include <exception>
#include <string>
#include <vector>

#include "mlx/distributed/distributed.h"
#include "mlx/stream.h"

#include "base/tensor.h"

namespace corepulse::engine {

/**
 * The processes that were started together. What is exchanged is exchanged by all of them, in the same order, on the
 * engine's thread. None waits for ever: an error of one is heard by all, and whoever is gone is missed.
 */
class Ranks {
 public:
  /**
   * Finds the others as the environment's variables say (docs/gpu.md), the first time in the life of the process.
   * @throws Error invalid_request where the variables are missing or wrong; io if the others do not come.
   */
  static Ranks& join();

  int rank() const { return rank_; }
  int size() const { return size_; }

  /**
   * What each of them says at this moment, by rank. @param mine up to 2000 bytes without a 0.
   * @throws the Error of another one that failed; Error{io} if one is gone, then and ever after; Error{cancelled} if
   * this run was asked to stop and the others did not come for ten seconds more, after which they are gone, too.
   */
  std::vector<std::string> say(const std::string& mine);

  /** The x of each of them, one after the other: [n, ...] -> [size n, ...]; x is computed before. @throws as say. */
  mx::array gather(const mx::array& x);

  /**
   * The last exchange of a job: all have done what they do together. What this one does behind it nobody waits for, and
   * what is thrown there ends this one's job alone. @throws as say.
   */
  void part();

  /**
   * Does a job that all of them do, up to its part(): what is thrown in one before ends it in all. Without others
   * (null) it does the job. @param stop ends waiting for the others; null: nobody asks.
   */
  template <class Job>
  static auto run(Ranks* ranks, const std::atomic<bool>* stop, Job&& job) {
    if (!ranks) return job();
    try {
      ranks->well_ = ranks->parted_ = false;
      ranks->stop_ = stop;
      auto result = job();
      ranks->well_ = true;
      return result;
    } catch (...) {
      ranks->give_up(std::current_exception());
      throw;
    }
  }

 private:
  explicit Ranks(const std::string& backend);
  /** Waits for it. @return false: stopped before. */
  bool came(const mx::array& all) const;
  mx::array exchanged(const mx::array& x);
  std::vector<std::string> records(char kind, const std::string& text);
  void give_up(const std::exception_ptr& why) noexcept;

  std::string backend_;
  mx::distributed::Group group_;
  mx::Stream stream_;  ///< Of its own: what waits for the others holds up nothing else.
  int rank_, size_;
  bool heard_ = false;                       ///< That another one failed, in the job that goes on.
  bool lost_ = false;                        ///< One is gone, and with it the order of what is exchanged.
  bool well_ = false;                        ///< The last job was done.
  bool parted_ = false;                      ///< The running job's exchanges are over.
  const std::atomic<bool>* stop_ = nullptr;  ///< The running job's.
};

}  // namespace corepulse::engine
