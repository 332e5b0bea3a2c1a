// What is on the disk.
#include "jobs/store.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "corepulse/error.h"

#include "files/folder.h"

using namespace corepulse::server;

namespace fs = std::filesystem;

namespace {

struct TemporaryFolder {
  fs::path path = fs::temp_directory_path() / ("corepulse-store-" + new_id());
  TemporaryFolder() { fs::create_directories(path); }
  ~TemporaryFolder() { fs::remove_all(path); }
};

Job job_named(const std::string& id, const std::string& prompt) {
  Job job{.id = id};
  job.asked = {.recipe = "{}", .priority = 2, .previews = 3, .heat_maps = {"cat"}};
  job.prompt = prompt, job.created = 1.5;
  return job;
}

}  // namespace

TEST_CASE("a job is read back as it was stored, by another store too") {
  const TemporaryFolder folder;
  auto job = job_named("a", "a cat");
  {
    Store store(folder.path / "x.db");
    store.add(job);
    CHECK(job.number == 1);
    CHECK(store.unfinished().size() == 1);
    job.state = JobState::failed, job.error = JobError{507, "io", "[x] y"}, job.finished = 2, job.steps = 4,
    job.attempts = 1;
    job.pictures = {{"a-0", 0, UINT64_MAX, 64, 32, "x"}};
    job.heat_maps = {{"a-heat-0", "cat", 0}};
    store.update(job);
    store.mark_edited(job.number);
  }
  Store store(folder.path / "x.db");
  const auto found = store.job("a");
  REQUIRE(found);
  CHECK(found->state == JobState::failed);
  CHECK(found->error->detail == "[x] y");
  CHECK(found->asked.heat_maps == std::vector<std::string>{"cat"});
  CHECK(found->asked.priority == 2);
  CHECK(found->edited);
  CHECK(found->steps == 4);
  REQUIRE(found->pictures.size() == 1);
  CHECK(found->pictures[0].seed == UINT64_MAX);
  CHECK(found->heat_maps[0].word == "cat");
  CHECK(store.has_picture("a-heat-0"));
  CHECK(store.unfinished().empty());
  CHECK_FALSE(store.job("b"));
}

TEST_CASE(
    "history finds whole words and the beginning of the last, and a job that is removed takes its pictures along") {
  const TemporaryFolder folder;
  Store store(folder.path / "x.db");
  for (const char* id : {"a", "b", "c"}) {
    auto job = job_named(id, std::string("a cat \"in\" park ") + id);
    store.add(job);
    job.state = JobState::done;
    job.pictures = {{std::string(id) + "-0", 0, 1, 8, 8, ""}};
    store.update(job);
    store.update(job);  // again, as after a full disk: nothing is there twice
  }
  const auto names = [&](const std::string& query, int64_t before = 0) {
    std::string found;
    for (const auto& item : store.history(query, before, 10)) found += item.job;
    return found;
  };
  CHECK(names("") == "cba");
  CHECK(names("cat pa") == "cba");
  CHECK(names("ca park") == "");
  CHECK(names("park b") == "b");
  CHECK(names("\"in\"") == "cba");
  CHECK(names("", 2) == "a");
  for (const char* query : {"*", "\"", "a OR", "NEAR(", "prompt:", "^", "-a", "\xc3\xa4", "()"})
    CHECK_NOTHROW(names(query));
  CHECK(store.remove("b"));
  CHECK_FALSE(store.remove("b"));
  CHECK(names("cat") == "ca");
  CHECK_FALSE(store.has_picture("b-0"));
  CHECK(store.counts()["done"] == 2);
}

TEST_CASE("of a job that cannot be stored nothing is") {
  const TemporaryFolder folder;
  Store store(folder.path / "x.db");
  auto job = job_named("a", "a cat");
  store.add(job);
  job.state = JobState::done;
  job.pictures = {{"a-0", 0, 1, 8, 8, ""}};
  job.heat_maps = {{"a-heat-0", "cat", 0}};
  Database disk(folder.path / "x.db");
  // The last that it holds.
  disk.run("CREATE TRIGGER full BEFORE INSERT ON maps BEGIN SELECT RAISE(ABORT, 'full'); END");
  CHECK_THROWS_AS(store.update(job), corepulse::Error);
  CHECK(store.job("a")->state == JobState::queued);
  CHECK_FALSE(store.has_picture("a-0"));
  CHECK(store.history("cat", 0, 10).empty());
  disk.run("DROP TRIGGER full");
  store.update(job);
  CHECK(store.job("a")->state == JobState::done);
  CHECK(store.has_picture("a-heat-0"));
}

TEST_CASE("a file that is no database is told of") {
  const TemporaryFolder folder;
  std::ofstream(folder.path / "x.db") << std::string(5000, 'x');
  CHECK_THROWS_AS(Store(folder.path / "x.db"), corepulse::Error);
}

TEST_CASE("recipes and uploads are kept by name") {
  const TemporaryFolder folder;
  Store store(folder.path / "x.db");
  store.put_recipe("a/\"b", "{}");
  store.put_recipe("a/\"b", "{\"x\":1}");
  CHECK(store.recipe("a/\"b") == "{\"x\":1}");
  CHECK(store.recipes().size() == 1);
  CHECK_FALSE(store.put_recipe("b", "{}", 8191));  // each counts as 4096
  CHECK(store.put_recipe("b", "{}", 8192));
  CHECK(store.put_recipe("b", std::string(4096, ' '), 8192));  // instead of itself
  CHECK_FALSE(store.put_recipe("b", std::string(4097, ' '), 8192));
  CHECK(store.remove_recipe("b"));
  CHECK(store.remove_recipe("a/\"b"));
  CHECK_FALSE(store.remove_recipe("a/\"b"));
  store.add(Upload{"u", "image/png", 12, 3, 4, 5});
  CHECK(store.upload("u")->width == 3);
  CHECK_FALSE(store.upload("v"));
}
