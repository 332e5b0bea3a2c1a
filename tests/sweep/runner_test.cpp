// Whole sweeps, drawn at once by a painter: killed anywhere they go on, and shards are the whole.

#include "sweep/runner.h"

#include <algorithm>
#include <csignal>
#include <doctest/doctest.h>
#include <functional>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/base64.h"
#include "io/digest/sha256.h"
#include "sweep/support.h"

using namespace corepulse;
using namespace corepulse::sweep;
using test::Folder;
using test::Painter;
using test::result_of;
using test::small_sweep;
namespace fs = std::filesystem;

namespace {

SweepReport run(const Sweep& sweep, const SweepOptions& options, Painter& painter) {
  return Runner(sweep, options, painter).run();
}

SweepReport run(const Sweep& sweep, const SweepOptions& options) {
  Painter painter;
  return run(sweep, options, painter);
}

size_t pictures_in(const fs::path& folder) {
  size_t count = 0;
  for (const auto& file : fs::directory_iterator(folder / "cells")) count += file.path().extension() == ".png";
  return count;
}

/** A child's status. What it does may limit how large files become; beyond that the signal comes. */
int limited(size_t most, void (*at_signal)(int), const std::function<void(const std::function<void()>&)>& act) {
  const auto child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, at_signal);
    try {
      act([&] {
        const rlimit limit{most, most};
        ::setrlimit(RLIMIT_FSIZE, &limit);
      });
      ::_exit(0);
    } catch (const Error& error) {
      ::_exit(exit_status(error.code()));
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("a sweep leaves a picture and a row a cell, a sheet a page, and each plain picture once") {
  const Folder folder;
  Painter painter;
  const auto report = run(small_sweep(), {.folder = folder / "s"}, painter);
  CHECK(report.cells == 8);
  CHECK(report.drawn == 8);
  CHECK(painter.drawn == 8 + 2);  // two seeds have a plain picture each
  CHECK(pictures_in(folder / "s") == 8);
  CHECK(report.sheets.size() == 3);
  const auto table = test::text_of(folder / "s/cells.csv");
  CHECK(std::count(table.begin(), table.end(), '\n') == 9);
  CHECK(table.starts_with("cell,where,strength,seed,cell seed,seconds,difference,ssim,"));
  const auto text = load_image_text(folder / "s/cells/000003.png");
  CHECK(recipe_from_json(text.at("corepulse")).seeds[0] == 2);
}

TEST_CASE("a cell without controls is compared with nothing") {
  const Folder folder;
  Painter painter;
  const Sweep seeds{R"({"version": 1, "prompt": "a cat"})", {parse_sweep_axis("seed=1..3")}, ""};
  run(seeds, {.folder = folder / "s"}, painter);
  CHECK(painter.drawn == 3);
  CHECK(test::text_of(folder / "s/cells.csv").find(",0.000000,1.000000,,,cells/000000.png,,") != std::string::npos);
}

TEST_CASE("outside a region is measured where a control has one") {
  const Folder folder;
  auto sweep = small_sweep();
  sweep.axes = {parse_sweep_axis("region=left half,null")};
  run(sweep, {.folder = folder / "s"});
  const auto table = io::Json::parse(
      test::text_of(folder / "s/cells.jsonl").substr(0, test::text_of(folder / "s/cells.jsonl").find('\n')));
  CHECK(table.contains("outside_ssim"));
  CHECK(table["outside_difference"] != table["difference"]);
}

TEST_CASE("nothing is measured outside of a region that follows the picture, also beside one that stands still") {
  const Folder folder;
  auto sweep = small_sweep();
  sweep.recipe = R"({"version": 1, "prompt": "a cat", "controls": [{"kind": "inject", "prompt": "a dragon"},
    {"kind": "inject", "prompt": "a dog", "region": {"shape": "rectangle", "box": [0, 0, 0.5, 1]}}]})";
  sweep.axes = {parse_sweep_axis(R"(controls[0].region=[{"shape": "add", "parts": [
    {"shape": "attention", "phrase": "cat"}, {"shape": "rectangle", "box": [0, 0, 0.5, 1]}]}, null])")};
  CHECK(run(sweep, {.folder = folder / "s"}).drawn == 2);
  const auto lines = test::text_of(folder / "s/cells.jsonl");
  const auto second = lines.find('\n') + 1;
  CHECK_FALSE(io::Json::parse(lines.substr(0, second)).contains("outside_ssim"));
  CHECK(io::Json::parse(lines.substr(second)).contains("outside_ssim"));
}

TEST_CASE("killed before any picture, a sweep that goes on ends as if nothing had happened") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "whole"});
  const auto expected = result_of(folder / "whole");
  for (int kill_at = 0; kill_at < 10; ++kill_at) {
    const auto here = folder / fmt::format("killed-{}", kill_at);
    const auto child = ::fork();
    if (child == 0) {
      Painter painter;
      painter.before = [&](int drawn) {
        if (drawn == kill_at) ::raise(SIGKILL);
      };
      run(small_sweep(), {.folder = here}, painter);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    Painter painter;
    run(small_sweep(), {.folder = here, .resume = true}, painter);
    CHECK(painter.drawn == 10 - kill_at);  // nothing lost, nothing twice
    CHECK((result_of(here) == expected));
  }
}

TEST_CASE("killed while it writes a table or a sheet, a sweep that goes on ends as if nothing had happened") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "whole"});
  const auto expected = result_of(folder / "whole");
  for (const char* name : {"cells.jsonl", "sheet.png", "sheet.html"}) {
    CAPTURE(name);
    const auto here = folder / fmt::format("killed-{}", name);
    const auto most = fs::file_size(folder / "whole" / name) - 1;
    const auto status = limited(most, SIG_DFL, [&](const std::function<void()>& limit) {
      SweepOptions options{.folder = here};
      options.progress = [&](const SweepProgress& at) {
        if (at.done == at.of) limit();
        return true;
      };
      run(small_sweep(), options);
    });
    REQUIRE(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGXFSZ);
    CHECK_FALSE(fs::exists(here / name));
    Painter painter;
    run(small_sweep(), {.folder = here, .resume = true}, painter);
    CHECK(painter.drawn == 0);
    CHECK((result_of(here) == expected));
    for (const auto& file : fs::directory_iterator(here)) CHECK(file.path().extension() != ".tmp");
  }
}

TEST_CASE("where files cannot grow, as on a full disk, a sweep ends with an error, and goes on when they can") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "whole"});
  const auto expected = result_of(folder / "whole");
  const auto largest = fs::file_size(folder / "whole/sheet.html"),
             journal = fs::file_size(folder / "whole/journal.jsonl");
  for (const auto most : {size_t(1), size_t(700), size_t(journal / 2), size_t(journal - 1), size_t(largest - 1)}) {
    CAPTURE(most);
    const auto here = folder / fmt::format("full-{}", most);
    const auto status = limited(most, SIG_IGN, [&](const std::function<void()>& limit) {
      limit();
      run(small_sweep(), {.folder = here});
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == exit_status(ErrorCode::io));
    run(small_sweep(), {.folder = here, .resume = true});
    CHECK((result_of(here) == expected));
  }
}

TEST_CASE("with a journal that ends anywhere, and pictures that it does not know of, a sweep goes on") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "whole"});
  const auto expected = result_of(folder / "whole"), journal = test::text_of(folder / "whole/journal.jsonl");
  for (size_t newline = 0; newline != journal.npos; newline = journal.find('\n', newline + 1))
    for (const long at : {long(newline) - 40, long(newline) + 1}) {
      if (at < 0 || at > long(journal.size())) continue;
      CAPTURE(at);
      fs::remove_all(folder / "s");
      fs::copy(folder / "whole", folder / "s", fs::copy_options::recursive);
      test::write(folder / "s/journal.jsonl", journal.substr(0, size_t(at)));
      test::write(folder / "s/cells/.corepulse-1-0.tmp", "half a picture");
      Painter painter;
      const auto read = read_journal(journal.substr(0, size_t(at)), "j").entries.size();
      run(small_sweep(), {.folder = folder / "s", .resume = true}, painter);
      CHECK(painter.drawn == 10 - std::max(0, int(read) - 1));
      CHECK((result_of(folder / "s") == expected));
      CHECK_FALSE(fs::exists(folder / "s/cells/.corepulse-1-0.tmp"));
    }
}

TEST_CASE("a picture that is gone is drawn again") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "s"});
  const auto expected = result_of(folder / "s");
  fs::remove(folder / "s/cells/000005.png");
  Painter painter;
  run(small_sweep(), {.folder = folder / "s", .resume = true}, painter);
  CHECK(painter.drawn == 1);
  CHECK((result_of(folder / "s") == expected));
}

TEST_CASE("a folder is of one sweep, and goes on only if that is asked for") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "s"});
  CHECK_THROWS_AS(run(small_sweep(), {.folder = folder / "s"}), Error);
  auto other = small_sweep();
  other.axes[1] = parse_sweep_axis("strength=0.5,0.9");
  CHECK_THROWS_AS(run(other, {.folder = folder / "s", .resume = true}), Error);
  CHECK_THROWS_AS(run(small_sweep(), {.folder = folder / "s", .resume = true, .shard = 0, .shards = 2}), Error);
  CHECK(run(small_sweep(), {.folder = folder / "s", .resume = true}).drawn == 0);
}

TEST_CASE("what the model would refuse is said of all cells before the folder is made") {
  const Folder folder;
  auto sweep = small_sweep();
  sweep.axes.push_back(parse_sweep_axis("prompt=good,bad"));
  try {
    run(sweep, {.folder = folder / "s"});
    FAIL("it was drawn");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("8 cells are wrong") != std::string::npos);
  }
  CHECK_FALSE(fs::exists(folder / "s"));
}

TEST_CASE("the callback stops a sweep, which goes on later") {
  const Folder folder;
  const auto stop = [](const SweepProgress& at) { return at.done < 3; };
  CHECK_THROWS_AS(run(small_sweep(), {.folder = folder / "s", .progress = stop}), Error);
  CHECK(run(small_sweep(), {.folder = folder / "s", .resume = true}).drawn == 5);
}

TEST_CASE("shards merged are the unsharded sweep, byte for byte, whatever the order and also where two overlap") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "whole"});
  std::vector<fs::path> shards;
  for (int i = 0; i < 3; ++i) {
    shards.insert(shards.begin(), folder / fmt::format("{}", i));
    const auto report = run(small_sweep(), {.folder = shards[0], .shard = i, .shards = 3});
    CHECK(report.done == (i < 2 ? 3 : 2));
    CHECK(report.sheets.empty());
  }
  const auto report = merge_sweeps(shards, folder / "all");
  CHECK(report.done == 8);
  CHECK((result_of(folder / "all") == result_of(folder / "whole")));
  shards.push_back(folder / "whole");
  merge_sweeps(shards, folder / "more");
  CHECK((result_of(folder / "more") == result_of(folder / "whole")));
  CHECK_THROWS_AS(merge_sweeps(shards, folder / "whole"), Error);
}

TEST_CASE("a merge without some shards says so, and one of different sweeps is refused") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "0", .shard = 0, .shards = 2});
  const auto report = merge_sweeps({folder / "0"}, folder / "all");
  CHECK(report.done == 4);
  CHECK(report.notes.size() == 1);
  auto other = small_sweep();
  other.recipe = R"({"version": 1, "prompt": "a dog", "controls": [{"kind": "inject", "prompt": "a dragon"}]})";
  run(other, {.folder = folder / "1", .shard = 1, .shards = 2});
  CHECK_THROWS_AS(merge_sweeps({folder / "0", folder / "1"}, folder / "both"), Error);
  CHECK_THROWS_AS(merge_sweeps({folder / "nothing"}, folder / "both"), Error);
  CHECK_THROWS_AS(merge_sweeps({}, folder / "both"), Error);
}

TEST_CASE("a merge into a place that cannot be written says so, as any failure of the disk") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "0"});
  test::write(folder / "file", "");
  try {
    merge_sweeps({folder / "0"}, folder / "file/all");
    FAIL("it was merged");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::io);
    CHECK(std::string(error.what()).find("cannot make the folder") != std::string::npos);
  }
}

TEST_CASE("a mask that recipes hold is once in the folder, and rows name it; shards bring theirs along") {
  const Folder folder;
  const auto masked = [&](const char* name, int shard, int shards, bool resume = false) {
    Painter painter;
    painter.mask = io::to_base64(std::string(30'000, 'm'));
    run(small_sweep(), {.folder = folder / name, .resume = resume, .shard = shard, .shards = shards}, painter);
    return painter.drawn;
  };
  masked("whole", 0, 1), masked("0", 0, 2), masked("1", 1, 2);
  CHECK(fs::file_size(folder / "whole/journal.jsonl") < 10'000);
  for (const char* name : {"cells.csv", "cells.jsonl"}) CHECK(fs::file_size(folder / "whole" / name) < 10'000);
  const auto rows = test::text_of(folder / "whole/cells.jsonl");
  const auto region = io::Json::parse(rows.substr(0, rows.find('\n')))["recipe"]["controls"][0]["region"];
  CHECK(test::text_of(folder / "whole" / region["file"].get<std::string>()) == std::string(30'000, 'm'));
  CHECK(region["sha256"] == io::sha256_of(std::string(30'000, 'm')));
  const auto picture = recipe_from_json(load_image_text(folder / "whole/cells/000000.png").at("corepulse"));
  CHECK(picture.controls[0].region->data.size() == 40'000);  // which needs nothing beside it
  merge_sweeps({folder / "0", folder / "1"}, folder / "all");
  fs::remove_all(folder / "0"), fs::remove_all(folder / "1");
  CHECK((result_of(folder / "all") == result_of(folder / "whole")));
  CHECK(fs::exists(folder / "all" / region["file"].get<std::string>()));
  fs::remove(folder / "whole/cells/000005.png");
  CHECK(masked("whole", 0, 1, true) == 1);
}

TEST_CASE("an axis named as a column of the table keeps its name, and the column gets another") {
  const Folder folder;
  auto sweep = small_sweep();
  sweep.axes[0].name = "cell", sweep.axes[1].name = "cell seed", sweep.axes[2].name = "seed";
  run(sweep, {.folder = folder / "s"});
  CHECK(test::text_of(folder / "s/cells.csv").starts_with("cell cell,cell,cell seed,seed,cell cell seed,seconds,"));
}

TEST_CASE("cells drawn together leave what they leave one by one") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "alone", .together = 1});
  const auto groups = [&](const char* name, int together) {
    test::GroupPainter painter;
    run(small_sweep(), {.folder = folder / name, .together = together}, painter);
    CHECK(painter.drawn == 8 + 2);
    CHECK(result_of(folder / name) == result_of(folder / "alone"));
    return painter.groups;
  };
  CHECK(groups("four", 4) == std::vector<size_t>{4, 4, 2});  // the plain pictures go along
  CHECK(groups("fast", 0) == std::vector<size_t>(5, 2));
  CHECK(groups("one", 1).empty());
  CHECK_THROWS_WITH_AS(run(small_sweep(), {.folder = folder / "none", .together = -1}),
                       doctest::Contains("[together] -1 cells"), Error);
}

TEST_CASE("cells of one shape come together, whatever the axes' order") {
  const Folder folder;
  test::GroupPainter painter;
  const Sweep sweep{
      R"({"version": 1, "prompt": "a cat"})", {parse_sweep_axis("seed=1..4"), parse_sweep_axis("steps=10,20")}, ""};
  std::vector<size_t> cells;
  SweepOptions options{.folder = folder / "s", .together = 8};
  options.progress = [&](const SweepProgress& at) {
    cells.push_back(at.cell);
    return true;
  };
  run(sweep, options, painter);
  CHECK(painter.groups == std::vector<size_t>{4, 4});
  CHECK(cells == std::vector<size_t>{0, 2, 4, 6, 1, 3, 5, 7});
}

TEST_CASE("a group that fails is drawn one by one, up to the cell at fault; one that is too large is halved") {
  const Folder folder;
  const Sweep seeds{R"({"version": 1, "prompt": "a cat"})", {parse_sweep_axis("seed=1..6")}, ""};
  test::GroupPainter painter;
  painter.bad = 5;
  SweepOptions options{.folder = folder / "s", .together = 4};
  CHECK_THROWS_WITH_AS(run(seeds, options, painter), "[generate] seed 5", Error);
  CHECK(pictures_in(folder / "s") == 4);
  CHECK(painter.groups == std::vector<size_t>{4, 2});
  painter = {};
  painter.room = 1, options.resume = true;
  run(seeds, options, painter);
  CHECK(pictures_in(folder / "s") == 6);
  painter = {};
  painter.room = 2;
  run(seeds, {.folder = folder / "t", .together = 4}, painter);
  CHECK(painter.groups == std::vector<size_t>{4, 2});
}

TEST_CASE("a sweep that is stopped keeps all of the group that was drawn") {
  const Folder folder;
  test::GroupPainter painter;
  SweepOptions options{.folder = folder / "s", .together = 5};
  options.progress = [](const SweepProgress& at) { return at.done < 2; };
  CHECK_THROWS_WITH_AS(run(small_sweep(), options, painter), doctest::Contains("stopped"), Error);
  CHECK(pictures_in(folder / "s") == 3);  // of five pictures two are plain
}
