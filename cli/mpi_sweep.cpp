#include "mpi_sweep.h"

#include <cstdlib>
#include <string>

#include "corepulse/error.h"

#ifdef COREPULSE_MPI
#define OMPI_SKIP_MPICXX 1  // its C++ interface is no longer a part of MPI
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <memory>
#include <mpi.h>
#include <set>
#include <thread>

#include "corepulse/sweep_workers.h"
#endif

namespace corepulse::cli {

#ifdef COREPULSE_MPI

namespace {

/**
 * Asked: a worker wants a job, of so many cells ("": it does not know yet). Job: "" when there is none left. Failed: an
 * error's code, a line end, its message.
 */
enum Tag { kAsked, kJob, kDrawn, kFailed };

struct Received {
  int from = 0, tag = 0;
  std::string text;
};

class World {
 public:
  World() {
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &threads_);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }
  ~World() { MPI_Finalize(); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  int rank = 0, size = 1;

 private:
  int threads_ = 0;
};

void send(int to, Tag tag, const std::string& text) {
  if (text.size() > INT32_MAX) throw Error(ErrorCode::invalid_request, "[mpi] a picture of more than 2 GB");
  MPI_Send(text.data(), int(text.size()), MPI_BYTE, to, tag, MPI_COMM_WORLD);
}

Received receive() {
  MPI_Status status;
  for (int there = 0;;) {
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &there, &status);
    if (there) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // MPI itself would wait with all of a processor
  }
  int bytes = 0;
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  Received received{status.MPI_SOURCE, status.MPI_TAG, std::string(size_t(bytes), '\0')};
  MPI_Recv(received.text.data(), bytes, MPI_BYTE, received.from, received.tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  return received;
}

[[noreturn]] void rethrow(const Received& failed) {
  const auto line = failed.text.find('\n');
  for (int code = 0; code <= int(ErrorCode::internal); ++code)
    if (failed.text.substr(0, line) == name(ErrorCode(code)))
      throw Error(ErrorCode(code), failed.text.substr(line + 1));
  throw Error(ErrorCode::internal, failed.text);
}

/** Answers until every worker was told that there is nothing left. */
class Desk {
 public:
  explicit Desk(const World& world) {
    for (int rank = 1; rank < world.size; ++rank) working_.insert(rank);
  }

  SweepReport run(const Sweep& sweep, const SweepOptions& options) {
    try {
      SweepCoordinator coordinator(sweep, options);
      while (!working_.empty()) answer(coordinator, receive());
      return coordinator.finish();
    } catch (...) {
      send_home();
      throw;
    }
  }

 private:
  void answer(SweepCoordinator& coordinator, const Received& received) {
    const auto worker = fmt::format("rank {}", received.from);
    if (received.tag == kFailed) {
      working_.erase(received.from);
      send(received.from, kJob, "");
      rethrow(received);
    }
    if (received.tag == kDrawn) return coordinator.take(worker, received.text);
    const auto job = coordinator.next(worker, at_most(received.text, coordinator.left()));
    if (job.empty()) working_.erase(received.from);
    send(received.from, kJob, job);
  }

  /** What was asked for, but near the end no more than leaves something for all. */
  size_t at_most(const std::string& asked, size_t left) const {
    size_t wanted = 1;
    std::from_chars(asked.data(), asked.data() + asked.size(), wanted);
    return std::min(wanted, std::max<size_t>(1, left / working_.size()));
  }

  /** After an error: each ends what it draws, and asks. */
  void send_home() {
    while (!working_.empty()) {
      const auto received = receive();
      if (received.tag != kAsked && received.tag != kFailed) continue;
      working_.erase(received.from);
      send(received.from, kJob, "");
    }
  }

  std::set<int> working_;
};

void work(const Sweep& sweep, const SweepOptions& options) {
  std::unique_ptr<SweepWorker> worker;
  try {
    for (;;) {
      send(0, kAsked, worker ? std::to_string(worker->at_once()) : "");
      const auto job = receive().text;
      if (job.empty()) return;
      if (!worker) worker = std::make_unique<SweepWorker>(sweep, options);
      for (const auto& drawn : worker->draw(job)) send(0, kDrawn, drawn);
    }
  } catch (const Error& error) {
    send(0, kFailed, std::string(name(error.code())) + "\n" + error.what());
  } catch (const std::exception& error) {
    send(0, kFailed, std::string(name(ErrorCode::internal)) + "\n" + error.what());
  }
  (void)receive();
}

}  // namespace

bool started_by_mpi() {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  return (size && std::atoi(size) > 1) || std::getenv("PMIX_RANK");
}

void draw_with_mpi(const Sweep& sweep, const SweepOptions& options,
                   const std::function<void(const SweepReport&)>& done) {
  const World world;
  if (world.size == 1) return done(run_sweep(sweep, options));
  if (options.shards > 1 && world.rank > 0) return;  // the first process says it
  if (options.shards > 1)
    throw Error(ErrorCode::invalid_request,
                "[--shard] beside MPI, where the first process hands out the cells of one shard alone; expected no "
                "--shard, or processes that MPI does not join, as `srun --mpi=none` starts them");
  if (world.rank == 0) return done(Desk(world).run(sweep, options));
  work(sweep, options);
}

#else

bool started_by_mpi() {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  if (size && std::atoi(size) > 1)
    throw Error(ErrorCode::invalid_request,
                "[mpi] mpirun started several of this program, which was built without MPI; expected a build where "
                "Open MPI is installed, or --shard without mpirun");
  return false;
}

void draw_with_mpi(const Sweep&, const SweepOptions&, const std::function<void(const SweepReport&)>&) {
  throw Error(ErrorCode::internal, "[mpi] it is not a part of this program");
}

#endif

}  // namespace corepulse::cli
