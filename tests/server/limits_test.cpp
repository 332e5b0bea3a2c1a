// What clients may leave lying here: files, jobs that wait, events that they do not read.
#include <atomic>
#include <doctest/doctest.h>
#include <filesystem>
#include <optional>
#include <string>

#include "files/uploads.h"
#include "jobs/queue.h"
#include "sockets.h"
#include "support.h"

using namespace corepulse::server;

namespace fs = std::filesystem;

namespace {

struct DataFolder {
  fs::path path = fs::temp_directory_path() / ("corepulse-limits-" + new_id());
  ~DataFolder() { fs::remove_all(path); }
};

const std::string kArray = "\x93NUMPY of twenty....";  // 20 bytes, and no picture to be decoded

/** Answers everybody with a stream that sends so many MiB at once. */
struct Streams : Service {
  explicit Streams(int mebibytes) : most(mebibytes) {}
  Plan plan(Request&) override {
    return {0, [this](const Request&) {
              return Response{.stream = [this](const std::shared_ptr<Sink>& sink) -> std::shared_ptr<void> {
                while (sent < most && sink->send(std::string(1 << 20, 'x'))) ++sent;
                over = true;
                return std::make_shared<int>();
              }};
            }};
  }
  void complete(Response&) override {}
  void answered(const Request&, int, double) override {}
  const int most;
  std::atomic<int> sent = 0;
  std::atomic<bool> over = false;
};

/** How many MiB of a stream of 20 the server takes for a client that reads nothing. */
int taken_of_twenty(size_t most_stream_bytes) {
  Streams streams(20);
  Running server(streams, {.most_stream_bytes = most_stream_bytes});
  Client client(server.port());
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  until([&] { return streams.over.load(); });
  return streams.sent;
}

}  // namespace

TEST_CASE("clients' files have so much room; then the oldest goes that nothing names") {
  const DataFolder data;
  const Folder folder(data.path);
  Store store(folder.database());
  std::optional<Uploads> uploads(std::in_place, folder, store, 4 * kLeastUpload - 1);
  const auto a = uploads->keep(kArray).id, b = uploads->keep(kArray).id, c = uploads->keep(kArray).id;
  Job job{.id = "x"};
  job.asked.recipe = R"({"init": {"file": "upload:)" + a + "\"}}";
  store.add(job);
  store.put_recipe("mine", R"({"init": {"file": "upload:)" + b + "\"}}");
  const auto d = uploads->keep(kArray).id;
  CHECK(store.upload(a));
  CHECK(store.upload(b));
  CHECK_FALSE(store.upload(c));
  CHECK_FALSE(fs::exists(folder.upload(c)));
  CHECK(fs::exists(folder.upload(d)));
  CHECK(store.upload_room() == 3 * kLeastUpload);
  uploads.emplace(folder, store, 4 * kLeastUpload - 1);  // a server that starts knows what is there
  // The job is over: its file is the oldest that may go.
  job.state = JobState::done;
  store.update(job);
  const auto e = uploads->keep(kArray).id;
  CHECK_FALSE(store.upload(a));
  CHECK(store.upload(d));
  store.put_recipe("d", "upload:" + d), store.put_recipe("e", "upload:" + e);
  CHECK(status_of([&] { uploads->keep(kArray); }) == 507);
  store.remove_recipe("d");
  CHECK(status_of([&] { uploads->keep(kArray + std::string(4 * kLeastUpload, '.')); }) == 507);
  CHECK(store.upload(d));  // nothing goes for what does not fit all the same
  CHECK(status_of([&] { uploads->keep(kArray + std::string(3 * kLeastUpload, '.')); }) == 507);
  CHECK(store.upload(d));
}

TEST_CASE("a file's pieces are the file, as long as it is there") {
  const DataFolder data;
  const Folder folder(data.path);
  const auto file = folder.upload("abc");
  std::string bytes(1000001, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * i % 251);
  write_file(file, bytes);
  const auto pieces = pieces_of_file(file);
  CHECK(pieces.bytes == bytes.size());
  std::string read = pieces.next();
  CHECK(read.size() < bytes.size());
  for (auto more = pieces.next(); !more.empty(); more = pieces.next()) read += more;
  CHECK((read == bytes));
  CHECK((read_file(file) == bytes));
  fs::remove(file);
  CHECK(status_of([&] { (void)pieces.next(); }) == 404);
  CHECK(status_of([&] { (void)pieces_of_file(file); }) == 404);
}

TEST_CASE("recipes that wait have so much room") {
  const DataFolder data;
  const Folder folder(data.path);
  Store store(folder.database());
  Catalog catalog({});
  Names names(catalog, folder, store);
  Models models(1, corepulse::LoadOptions::Device::automatic);
  const Limits limits{.most_waiting_bytes = 1000};
  Drawing drawing(names, folder, models, limits);
  Queue queue(store, drawing, folder, limits);
  CHECK(status_of([&] { queue.submit({.recipe = "{" + std::string(1000, ' ') + "}"}); }) == 429);
  CHECK(queue.counts().refused == 1);
  CHECK_THROWS_AS(queue.submit({.recipe = R"({"version": 1, "x": 1})"}), corepulse::Error);  // there is room for that
}

TEST_CASE("streams that nobody reads have so much room in all") {
  CHECK(taken_of_twenty(size_t{4} << 20) == 4);
  CHECK(taken_of_twenty(0) == 1);  // that much each may hold
}
