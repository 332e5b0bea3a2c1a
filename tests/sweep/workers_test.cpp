// Sweeps by a coordinator and workers: whoever draws, dies or comes too late, nothing is lost or doubled.

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <memory>

#include "corepulse/sweep_workers.h"

#include "support/places.h"
#include "sweep/runner.h"
#include "sweep/support.h"
#include "sweep/workers/coordinator.h"
#include "sweep/workers/message.h"
#include "sweep/workers/worker.h"

using namespace corepulse;
using namespace corepulse::sweep;
using test::Folder;
using test::Painter;
using test::result_of;
using test::small_sweep;
namespace fs = std::filesystem;

namespace {

/** A worker with its painter. */
struct Hand {
  explicit Hand(const fs::path& folder, const Sweep& sweep = small_sweep()) : worker(sweep, folder, painter) {}
  Painter painter;
  Worker worker;
};

size_t rows_in(const fs::path& folder) {
  size_t rows = 0;
  const auto journal = journal_in(folder);
  for (const auto& entry : journal->entries) rows += entry.contains("cell");
  return rows;
}

}  // namespace

TEST_CASE("several workers leave what one process does, and each plain picture is drawn once") {
  const Folder folder;
  Painter checks;
  Runner(small_sweep(), {.folder = folder / "whole"}, checks).run();
  const SweepOptions options{.folder = folder / "s"};
  Coordinator coordinator(small_sweep(), options, checks);
  Hand a(folder / "s"), b(folder / "s");
  for (bool busy = true; busy;) {
    busy = false;
    for (auto* hand : {&a, &b}) {
      const std::string name = hand == &a ? "a" : "b";
      const auto job = coordinator.next(name, 1);
      if (job.empty()) continue;
      busy = true;
      for (const auto& drawn : hand->worker.draw(job)) coordinator.take(name, drawn);
    }
  }
  CHECK(coordinator.left() == 0);
  CHECK(coordinator.finish().drawn == 8);
  CHECK((result_of(folder / "s") == result_of(folder / "whole")));
  CHECK(a.painter.drawn + b.painter.drawn == 8 + 2);
}

TEST_CASE("what a lost worker had is drawn by another, and what it sends too late is not taken twice") {
  const Folder folder;
  Painter checks;
  const SweepOptions options{.folder = folder / "s"};
  Coordinator coordinator(small_sweep(), options, checks);
  Hand a(folder / "s"), b(folder / "s");
  const auto job = coordinator.next("a", 3);
  const auto drawn = a.worker.draw(job);
  REQUIRE(drawn.size() == 3);
  coordinator.take("a", drawn[0]);
  coordinator.lose("a");
  coordinator.lose("never there");
  coordinator.take("a", drawn[1]);  // before another had it
  for (std::string next; !(next = coordinator.next("b", 3)).empty();)
    for (const auto& each : b.worker.draw(next)) coordinator.take("b", each);
  coordinator.take("a", drawn[2]);  // after
  CHECK(coordinator.left() == 0);
  CHECK(coordinator.next("b", 1).empty());
  CHECK(rows_in(folder / "s") == 8);
  Painter whole;
  Runner(small_sweep(), {.folder = folder / "whole"}, whole).run();
  coordinator.finish();
  CHECK((result_of(folder / "s") == result_of(folder / "whole")));
}

TEST_CASE("a coordinator that ended is gone on with, by another or by one process alone") {
  const Folder folder;
  Painter checks;
  {
    const SweepOptions options{.folder = folder / "s"};
    Coordinator coordinator(small_sweep(), options, checks);
    Hand a(folder / "s");
    for (const auto& drawn : a.worker.draw(coordinator.next("a", 2))) coordinator.take("a", drawn);
  }
  {
    const SweepOptions options{.folder = folder / "s", .resume = true};
    Coordinator coordinator(small_sweep(), options, checks);
    CHECK(coordinator.left() == 6);
    Hand a(folder / "s");
    for (const auto& drawn : a.worker.draw(coordinator.next("a", 4))) coordinator.take("a", drawn);
    CHECK(a.painter.drawn == 4 + 1);
    for (const auto& drawn : a.worker.draw(coordinator.next("a", 1))) coordinator.take("a", drawn);
    CHECK(a.painter.drawn == 5 + 1);  // this plain picture was sent
  }
  Painter rest;
  CHECK(Runner(small_sweep(), {.folder = folder / "s", .resume = true}, rest).run().drawn == 1);
  Painter whole;
  Runner(small_sweep(), {.folder = folder / "whole"}, whole).run();
  CHECK((result_of(folder / "s") == result_of(folder / "whole")));
}

TEST_CASE("the progress of a coordinator counts cells, and may stop it") {
  const Folder folder;
  Painter checks;
  SweepOptions options{.folder = folder / "s"};
  options.progress = [](const SweepProgress& at) { return at.done < 2 && at.of == 8; };
  Coordinator coordinator(small_sweep(), options, checks);
  Hand a(folder / "s");
  const auto drawn = a.worker.draw(coordinator.next("a", 2));
  coordinator.take("a", drawn[0]);
  CHECK_THROWS_AS(coordinator.take("a", drawn[1]), Error);
  CHECK(rows_in(folder / "s") == 2);
}

TEST_CASE("a cell whose picture was not taken is drawn by another when its worker is lost") {
  const Folder folder;
  Painter checks;
  const SweepOptions options{.folder = folder / "s"};
  Coordinator coordinator(small_sweep(), options, checks);
  Hand a(folder / "s"), b(folder / "s");
  const auto drawn = a.worker.draw(coordinator.next("a", 1))[0];
  const auto read = read_message(drawn);
  CHECK_THROWS_AS(coordinator.take("a", message_of(read.head, {"no picture", read.files[1]})), Error);
  CHECK(coordinator.left() == 8);
  coordinator.lose("a");
  for (std::string job; !(job = coordinator.next("b", 8)).empty();)
    for (const auto& each : b.worker.draw(job)) coordinator.take("b", each);
  CHECK(coordinator.left() == 0);
  CHECK(rows_in(folder / "s") == 8);
}

TEST_CASE("coordinators and workers of different sweeps do not understand each other") {
  const Folder folder;
  Painter checks;
  auto other = small_sweep();
  other.axes[1] = parse_sweep_axis("strength=0.25,1");
  const SweepOptions options{.folder = folder / "s"}, elsewhere{.folder = folder / "t"};
  Coordinator coordinator(small_sweep(), options, checks), theirs(other, elsewhere, checks);
  Hand worker(folder / "t", other);
  const auto job = coordinator.next("a", 1);
  CHECK_THROWS_AS(worker.worker.draw(job), Error);
  const auto drawn = worker.worker.draw(theirs.next("a", 1))[0];
  CHECK_THROWS_AS(coordinator.take("a", drawn), Error);
  CHECK(rows_in(folder / "s") == 0);
  theirs.take("a", drawn);
  CHECK(rows_in(folder / "t") == 1);
}

TEST_CASE("what no worker of this sweep sends is refused, and leaves nothing") {
  const Folder folder;
  Painter checks;
  const SweepOptions options{.folder = folder / "s"};
  Coordinator coordinator(small_sweep(), options, checks);
  Hand a(folder / "s");
  const auto drawn = a.worker.draw(coordinator.next("a", 1))[0];
  for (size_t bytes = 0; bytes < drawn.size(); bytes += 97)
    CHECK_THROWS_AS(coordinator.take("a", drawn.substr(0, bytes)), Error);
  CHECK_THROWS_AS(coordinator.take("a", drawn + "x"), Error);
  auto head = read_message(drawn).head;
  const auto with = [&](const char* field, const io::Json& value) {
    auto other = head;
    other["row"][field] = value;
    return message_of(other, read_message(drawn).files);
  };
  CHECK_THROWS_AS(coordinator.take("a", with("cell", 8)), Error);
  CHECK_THROWS_AS(coordinator.take("a", with("plain", 7)), Error);
  CHECK_THROWS_AS(coordinator.take("a", with("ssim", "good")), Error);
  CHECK_THROWS_AS(coordinator.take("a", message_of(head, {"no picture", read_message(drawn).files[1]})), Error);
  CHECK(rows_in(folder / "s") == 0);
  coordinator.take("a", drawn);
  CHECK(rows_in(folder / "s") == 1);
  const auto job = read_message(coordinator.next("a", 1));
  const auto bringing = [&](const io::Json& numbers, const std::vector<std::string_view>& files) {
    auto other = job.head;
    other["plain"] = numbers;
    return message_of(other, files);
  };
  CHECK_THROWS_AS(a.worker.draw(bringing({0}, {})), Error);
  CHECK_THROWS_AS(a.worker.draw(bringing({2}, {"no picture"})), Error);
  CHECK_THROWS_AS(a.worker.draw(bringing({0}, {"no picture"})), Error);
  CHECK_THROWS_AS(a.worker.draw(bringing("0", {})), Error);
  for (const char* other : {"", "{}\n", "{\"cells\":[99],\"files\":[]}\n", "{\"cells\":[],\"files\":[]}\n"})
    CHECK_THROWS_AS(a.worker.draw(other), Error);
}

TEST_CASE("a job goes on to what nobody draws, and a worker draws it in one call with its plain pictures") {
  const Folder folder;
  Painter checks;
  Runner(small_sweep(), {.folder = folder / "whole"}, checks).run();
  const SweepOptions options{.folder = folder / "s"};
  Coordinator coordinator(small_sweep(), options, checks);
  test::GroupPainter painters[2];
  Worker a(small_sweep(), folder / "s", painters[0], 6), b(small_sweep(), folder / "s", painters[1], 6);
  const auto job = coordinator.next("a", 6);  // the four cells of seed 1, two of seed 2
  CHECK(read_message(job).head["cells"].size() == 6);
  const auto drawn = a.draw(job);
  CHECK(drawn.size() == 6);
  CHECK(painters[0].groups == std::vector<size_t>{6, 2});  // eight pictures: two are plain ones
  for (size_t i = 0; i < 2; ++i) coordinator.take("a", drawn[i]);
  coordinator.lose("a");
  for (std::string next; !(next = coordinator.next("b", 6)).empty();)
    for (const auto& each : b.draw(next)) coordinator.take("b", each);
  CHECK(coordinator.left() == 0);
  CHECK(rows_in(folder / "s") == 8);
  coordinator.finish();
  CHECK((result_of(folder / "s") == result_of(folder / "whole")));
}

TEST_CASE("an error in the middle of a job loses nothing of what was drawn before") {
  const Folder folder;
  Painter checks;
  const SweepOptions options{.folder = folder / "s"};
  Coordinator coordinator(small_sweep(), options, checks);
  test::GroupPainter painter;
  painter.bad = 2;
  Worker a(small_sweep(), folder / "s", painter, 3);
  const auto drawn = a.draw(coordinator.next("a", 6));  // the four cells of seed 1, two of seed 2
  REQUIRE(drawn.size() == 5);
  for (size_t i = 0; i < 4; ++i) coordinator.take("a", drawn[i]);
  try {
    coordinator.take("a", drawn[4]);
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::bad_file);
    CHECK(std::string(error.what()) == "[generate] seed 2");
  }
  CHECK(rows_in(folder / "s") == 4);
  CHECK(coordinator.left() == 4);
  auto strange = read_message(drawn[4]).head;
  strange["failed"]["code"] = "unheard of";
  CHECK_THROWS_WITH_AS(coordinator.take("a", message_of(strange, {})), "[generate] seed 2", Error);
  strange["failed"] = "so";
  CHECK_THROWS_AS(coordinator.take("a", message_of(strange, {})), Error);
  painter.bad = 1;
  Worker b(small_sweep(), folder / "s", painter, 3);
  CHECK_THROWS_WITH_AS(
      b.draw(message_of({{"sweep", sweep_sha256(small_sweep())}, {"cells", {0}}, {"plain", io::Json::array()}}, {})),
      "[generate] seed 1", Error);  // nothing was drawn: nothing is to be taken first
}

TEST_CASE("a coordinator takes numbers of its workers' devices, which its own has not") {
  const Folder folder;
  const Sweep sweep{
      to_json(Recipe{.model = test::golden_folder() + "/models/small", .prompt = "a cat", .dtype = "f16"}, -1),
      {parse_sweep_axis("seed=1,2")}};
  const SweepCoordinator coordinator(sweep, {.folder = folder / "s", .device = LoadOptions::Device::cpu});
  CHECK(coordinator.left() == 2);
  CHECK_THROWS_WITH_AS(forecast(sweep, {.folder = folder / "t", .device = LoadOptions::Device::cpu}),
                       doctest::Contains("f16 is computed on GPUs only"), Error);
}

TEST_CASE("a job does not take what another one draws before its own is all") {
  const Folder folder;
  Painter checks;
  const SweepOptions options{.folder = folder / "s"};
  Coordinator coordinator(small_sweep(), options, checks);
  const auto cells = [&](const char* worker, size_t most) {
    return read_message(coordinator.next(worker, most)).head["cells"].get<std::vector<size_t>>();
  };
  CHECK(cells("a", 1) == std::vector<size_t>{0});  // seed 1
  CHECK(cells("b", 1) == std::vector<size_t>{1});  // seed 2
  CHECK(cells("a", 8) == std::vector<size_t>{2, 4, 6});
  CHECK(cells("a", 8) == std::vector<size_t>{3, 5, 7});
}

TEST_CASE("how many cells a worker wants at once") {
  struct Sharing : Painter {
    bool shares_calls(const Recipe&) override { return true; }
  } sharing;
  Painter alone;
  CHECK(Worker(small_sweep(), "s", alone).at_once() == 1);
  CHECK(Worker(small_sweep(), "s", alone, 5).at_once() == 5);
  CHECK(Worker(small_sweep(), "s", sharing).at_once() == 8);
  CHECK(Worker(small_sweep(), "s", sharing, 1).at_once() == 1);
  CHECK_THROWS_AS(Worker(small_sweep(), "s", alone, -1), Error);
}
