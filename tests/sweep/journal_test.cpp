// The journal: what a crash, damage and a full disk leave of it.

#include "sweep/journal.h"

#include <csignal>
#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sweep/support.h"

using namespace corepulse;
using namespace corepulse::sweep;
using test::Folder;
namespace fs = std::filesystem;

namespace {

io::Json entry(int i) {
  return {{"cell", i}, {"text", "a \"cat\"\nin a p\u00e4rk"}};
}

std::string lines(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += journal_line(entry(i));
  return text;
}

}  // namespace

TEST_CASE("of a journal that ends anywhere its whole lines are read, and no other") {
  const auto text = lines(4);
  const size_t line = text.size() / 4;
  for (size_t bytes = 0; bytes <= text.size(); ++bytes) {
    const auto read = read_journal(text.substr(0, bytes), "j");
    REQUIRE(read.entries.size() == bytes / line);
    REQUIRE(read.good == bytes / line * line);
  }
}

TEST_CASE("zeros and noise behind the last line are no line") {
  const auto text = lines(2);
  for (const auto& tail : {std::string(300, '\0'), std::string("{\"sum\":\"00000000\",\"entry\":{}}\n"),
                           std::string("\n"), std::string("noise\n")})
    CHECK(read_journal(text + tail, "j").entries.size() == 2);
}

TEST_CASE("a file of somebody else's is refused, and left alone") {
  const Folder folder;
  std::filesystem::create_directories(folder / "s");
  test::write(folder / "s/journal.jsonl", "my own notes");
  CHECK_THROWS_AS(Journal(folder / "s"), Error);
  CHECK(test::text_of(folder / "s/journal.jsonl") == "my own notes");
}

TEST_CASE("any changed byte of a line that is not the last is noticed") {
  const auto text = lines(2);
  for (size_t i = 0; i < text.size() / 2; ++i) {
    auto changed = text;
    changed[i] = char(changed[i] ^ 1);
    CAPTURE(i);
    if (text[i] == '\n') {  // then it is one line with the next, which is the last
      CHECK(read_journal(changed, "j").entries.empty());
      continue;
    }
    CHECK_THROWS_AS((void)read_journal(changed, "j"), Error);
  }
}

TEST_CASE("what is appended behind a torn line follows the last whole one") {
  const Folder folder;
  fs::create_directories(folder / "s");
  const auto text = lines(3);
  test::write(folder / "s/journal.jsonl", text.substr(0, text.size() - 5));
  {
    Journal journal(folder / "s");
    journal.append(entry(7));
  }
  const auto read = journal_in(folder / "s");
  REQUIRE(read);
  REQUIRE(read->entries.size() == 3);
  CHECK(read->entries[2] == entry(7));
}

TEST_CASE("one process alone writes a journal") {
  const Folder folder;
  fs::create_directories(folder / "s");
  const Journal first(folder / "s");
  CHECK_THROWS_AS(Journal(folder / "s"), Error);
}

TEST_CASE("a full disk is an error, and leaves the journal as it was") {
  const Folder folder;
  fs::create_directories(folder / "s");
  const auto child = ::fork();
  if (child == 0) {  // a limit on the size of files, of this process alone, cuts writes as a full disk does
    std::signal(SIGXFSZ, SIG_IGN);
    Journal journal(folder / "s");
    journal.append(entry(0));
    const rlimit limit{rlim_t(journal_line(entry(0)).size() * 3 / 2), RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    try {
      journal.append(entry(1));
      ::_exit(1);
    } catch (const Error& error) {
      ::_exit(error.code() == ErrorCode::io ? 0 : 2);
    }
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  CHECK(test::text_of(folder / "s/journal.jsonl") == journal_line(entry(0)));
}
