// What waits, is drawn and ends, without sockets.
#include "jobs/queue.h"

#include <chrono>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <future>

#include "jobs/errands.h"
#include "jobs/sqlite.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::server;

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::minutes kHopeless{5};

/** A server without its sockets. */
struct Whole {
  fs::path path = fs::temp_directory_path() / ("corepulse-queue-" + new_id());
  Folder folder{path};
  Store store{folder.database()};
  Catalog catalog{{}};
  Names names{catalog, folder, store};
  Models models{uint64_t{1} << 30, LoadOptions::Device::automatic};
  Limits limits;
  Drawing drawing{names, folder, models, limits};
  Queue queue{store, drawing, folder, limits};
  ~Whole() {
    queue.stop();
    fs::remove_all(path);
  }
};

Submission small(int steps = 2) {
  return {.recipe = fmt::format(
              R"({{"version": 1, "prompt": "a cat", "seed": 3, "steps": {}, "width": 64, "height": 64}})", steps)};
}

/** The id of one that has ended. */
std::string drawn(Whole& server) {
  std::promise<std::string> ended;
  const auto job = server.queue.submit(small());
  const auto kept = server.queue.on_end(job.id, [&](const Job& end) { ended.set_value(end.id); });
  return ended.get_future().get();
}

/** While it lives jobs can be added and none can be changed, as on a disk that is full for larger rows. */
class FullDisk {
 public:
  explicit FullDisk(const Whole& server) : database_(server.folder.database()) {
    database_.run("CREATE TRIGGER full BEFORE UPDATE ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END");
  }
  ~FullDisk() { database_.run("DROP TRIGGER full"); }

 private:
  Database database_;
};

}  // namespace

TEST_CASE("jobs whose ends cannot be stored are known all the same, and stored with the next that can be") {
  Whole server;
  std::vector<std::string> ids;
  {
    const FullDisk full(server);
    for (int i = 0; i < 2; ++i) ids.push_back(drawn(server));
    for (const auto& id : ids) {
      CHECK(server.queue.find(id)->state == JobState::done);
      CHECK(server.queue.find(id)->pictures.size() == 1);
      CHECK(server.store.job(id)->state == JobState::queued);
    }
    // One that goes out of the history does not come back.
    CHECK(server.queue.purge(ids[1]));
    CHECK_FALSE(server.queue.find(ids[1]));
  }
  drawn(server);
  CHECK(server.store.job(ids[0])->state == JobState::done);
  CHECK(server.store.has_picture(ids[0] + "-0"));
  CHECK_FALSE(server.store.job(ids[1]));
}

TEST_CASE("a job whose end could not be stored is stored when the server stops, and not drawn again") {
  Whole server;
  std::string id;
  {
    const FullDisk full(server);
    id = drawn(server);
  }
  CHECK(server.store.job(id)->state == JobState::queued);
  server.queue.stop();
  CHECK(server.store.job(id)->state == JobState::done);
  CHECK(server.store.unfinished().empty());
}

TEST_CASE("who takes long over a finished job keeps nobody from asking, waiting and drawing") {
  Whole server;
  std::promise<void> begun, release;
  std::promise<bool> released;
  const auto job = server.queue.submit(small());
  const auto kept = server.queue.on_end(job.id, [&](const Job&) {
    begun.set_value();
    released.set_value(release.get_future().wait_for(kHopeless) == std::future_status::ready);
  });
  REQUIRE(begun.get_future().wait_for(kHopeless) == std::future_status::ready);
  CHECK(server.queue.find(job.id)->state == JobState::done);
  std::promise<JobState> next;
  const auto watched = server.queue.submit(small(), [&](const Event& event) {
    if (event.last && event.job) next.set_value(event.job->state);
  });
  CHECK(next.get_future().get() == JobState::done);
  release.set_value();
  CHECK(released.get_future().get());
}

TEST_CASE("controls for a job that has no step ahead are a conflict, and wrong ones are wrong") {
  Whole server;
  const Job job{.asked = small()};
  Watch loading;  // no run has begun
  CHECK(status_of([&] { server.drawing.edit(job, loading, R"([{"kind": "inject", "prompt": "a dragon"}])"); }) == 409);
  CHECK_THROWS_AS(server.drawing.edit(job, loading, R"([{"kind": "injekt"}])"), Error);
}

TEST_CASE("errands are done in their order, all that were left before the end, and none after it") {
  std::string done;
  Errands errands;
  for (const char letter : {'a', 'b', 'c'}) {
    errands.add([&, letter] { done += letter; });
    errands.add([] { throw std::bad_alloc(); });
  }
  errands.stop();
  errands.add([&] { done += 'd'; });
  CHECK(done == "abc");
}

TEST_CASE("words to be seen count into what may wait, too") {
  Whole server{.limits = {.most_waiting_bytes = 1000}};
  auto asked = small();
  asked.heat_maps = {std::string(1000, 'x')};
  CHECK(status_of([&] { server.queue.submit(asked); }) == 429);
  CHECK(server.queue.counts().refused == 1);
}
