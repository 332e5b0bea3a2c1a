#include "io/file.h"

#include <csignal>
#include <fcntl.h>
#include <functional>
#include <sys/resource.h>
#include <sys/stat.h>

#include "io/directories.h"
#include "io/tensors/npy.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::io;
using namespace corepulse::test;

namespace {

void write(const fs::path& file, const std::string& text) {
  write_file(file, std::as_bytes(std::span(text)));
}

// What `act` gives under a limit of this process.
template <typename Resource>  // an int or an enum, as the C library likes
std::string under_limit(Resource resource, rlim_t most, const std::function<std::string()>& act) {
  rlimit old{};
  ::getrlimit(resource, &old);
  const rlimit low{most, old.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(resource, &low);
  const auto result = act();
  ::setrlimit(resource, &old);
  std::signal(SIGXFSZ, handler);
  return result;
}

// What `act` gives in `folder` for an account without privileges (root may write anywhere). From within: the folders
// above it may be closed to others, as a private TMPDIR's are.
std::string as_nobody(const fs::path& folder, const std::function<std::string()>& act) {
  const auto before = fs::current_path();
  fs::current_path(folder);
  const bool root = ::geteuid() == 0;
  if (root && ::seteuid(65534) != 0) return "cannot change the account";
  const auto result = act();
  if (root && ::seteuid(0) != 0) std::abort();
  fs::current_path(before);
  return result;
}

}  // namespace

TEST_CASE("a file is written whole, replaced whole, and nothing else stays") {
  Folder folder;
  write(folder / "a.txt", "one");
  CHECK(get(folder / "a.txt") == "one");
  write(folder / "a.txt", "");
  CHECK(get(folder / "a.txt") == "");
  CHECK(folder.count() == 1);
  const std::string name(255, 'n');
  write(folder / name, "long");
  CHECK(get(folder / name) == "long");
}

TEST_CASE("a new file has the rights that the account asks for") {
  Folder folder;
  const mode_t old = ::umask(0027);
  write(folder / "a.txt", "x");
  ::umask(old);
  CHECK((fs::status(folder / "a.txt").permissions() & fs::perms::all) == fs::perms(0640));
}

TEST_CASE("without commit the old file stays and the temporary one goes") {
  Folder folder;
  write(folder / "a.txt", "old");
  {
    AtomicFile file(folder / "a.txt");
    file.write(std::as_bytes(std::span("new text", 8)));
    CHECK(get(folder / "a.txt") == "old");
    CHECK(folder.count() == 2);
  }
  CHECK(get(folder / "a.txt") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a write that fails half-way leaves the old file and no other") {
  Folder folder;
  write(folder / "a.txt", "old");
  const auto error = under_limit(RLIMIT_FSIZE, 1000,
                                 [&] { return refusal([&] { write(folder / "a.txt", std::string(100000, 'x')); }); });
  CHECK(has(error, {"io: [file] ", "a.txt", "cannot be written"}));
  CHECK(get(folder / "a.txt") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a rename that fails leaves no temporary file") {
  Folder folder;
  AtomicFile file(folder / "a.txt");
  fs::create_directories(folder / "a.txt" / "inside");
  CHECK(has(refusal([&] { file.commit(); }), {"io: ", "a.txt"}));
}

TEST_CASE("no free descriptor is an error of its own kind") {
  Folder folder;
  write(folder / "a.txt", "old");
  // MappedFile is left out: it opens as read_file does, and UBSan needs descriptors to look at its shared_ptr.
  for (const auto& act : std::initializer_list<std::function<void()>>{[&] { write(folder / "a.txt", "new"); },
                                                                      [&] { read_file(folder / "a.txt", 10); },
                                                                      [&] { check_writable(folder / "a.txt"); }})
    CHECK(has(under_limit(RLIMIT_NOFILE, 0, [&] { return refusal(act); }), {"io: [file] ", "a.txt"}));
  CHECK(get(folder / "a.txt") == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a link is followed, not replaced") {
  Folder folder;
  fs::create_directory(folder / "deep");
  write(folder / "deep/real.txt", "old");
  fs::create_symlink("deep/real.txt", folder / "link.txt");
  write(folder / "link.txt", "new");
  CHECK(fs::is_symlink(folder / "link.txt"));
  CHECK(get(folder / "deep/real.txt") == "new");
  fs::create_symlink("deep/fresh.txt", folder / "dangling.txt");
  write(folder / "dangling.txt", "fresh");
  CHECK(get(folder / "deep/fresh.txt") == "fresh");
  fs::create_symlink("loop", folder / "loop");
  CHECK(has(refusal([&] { write(folder / "loop", "x"); }), {"io: ", "loop"}));
}

TEST_CASE("what cannot be written is told before, in the same words, and nothing is touched") {
  Folder folder;
  fs::create_directory(folder / "d");
  fs::create_symlink("/dev/full", folder / "full");
  ::mkfifo((folder / "pipe").c_str(), 0600);
  write(folder / "a.txt", "old");
  const auto before = folder.count();
  for (const auto& [name, code, text] : std::initializer_list<std::tuple<std::string, const char*, const char*>>{
           {"d", "io: ", "is a folder"},
           {"full", "io: ", "is a device"},
           {"pipe", "io: ", "is a pipe"},
           {"none/a.txt", "not_found: ", "does not exist"},
           {"a.txt/b.txt", "not_found: ", "does not exist"},
           {"d/", "io: ", "no file name"},
           {std::string(256, 'n'), "io: ", "nnn"}}) {
    CAPTURE(name);
    const auto file = folder / name;
    const auto error = refusal([&] { check_writable(file); });
    CAPTURE(error);
    CHECK(has(error, {code, text}));
    CHECK(refusal([&] { write(file, "x"); }) == error);
  }
  CHECK(has(refusal([] { check_writable(""); }), {"io: ", "no file name"}));
  if (fs::exists("/proc/self"))  // a folder that is there and takes no file
    CHECK(has(refusal([] { check_writable("/proc/x.png"); }), {"io: ", "/proc/x.png", "takes no new files"}));
  CHECK(refusal([&] { check_writable(folder / "a.txt"); }) == "");
  CHECK(refusal([&] { check_writable(folder / "new.txt"); }) == "");
  CHECK(get(folder / "a.txt") == "old");
  CHECK(folder.count() == before);
}

TEST_CASE("a folder or a file that may only be read is told before") {
  Folder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  fs::create_directory(folder / "closed");
  write(folder / "closed/a.txt", "old");
  fs::create_directory(folder / "open");
  write(folder / "open/a.txt", "old");
  fs::permissions(folder / "closed", fs::perms(0555));
  fs::permissions(folder / "open", fs::perms(0777));
  fs::permissions(folder / "open/a.txt", fs::perms(0444));
  for (const char* name : {"closed/a.txt", "closed/new.txt", "open/a.txt"}) {
    CAPTURE(name);
    const auto ask = [&] { return refusal([&] { check_writable(name); }); };
    const auto act = [&] { return refusal([&] { write(name, "new"); }); };
    CHECK(has(as_nobody(folder.path(), ask), {"io: [file] ", name, "cannot be written"}));
    CHECK(as_nobody(folder.path(), act) == as_nobody(folder.path(), ask));
  }
  CHECK(as_nobody(folder.path(), [] { return refusal([] { check_writable("open/new.txt"); }); }) == "");
  CHECK(get(folder / "open/a.txt") == "old");
  CHECK(std::distance(fs::directory_iterator(folder / "open"), {}) == 1);
  fs::permissions(folder / "closed", fs::perms(0755));
}

TEST_CASE("a file that may not be read is an io error") {
  Folder folder;
  fs::permissions(folder.path(), fs::perms(0755));
  write(folder / "a.txt", "secret");
  fs::permissions(folder / "a.txt", fs::perms(0200));
  CHECK(
      has(as_nobody(folder.path(), [] { return refusal([] { read_file("a.txt", 10); }); }), {"io: [file] ", "a.txt"}));
}

TEST_CASE("reading whole files is bounded") {
  Folder folder;
  write(folder / "a.txt", "12345");
  CHECK(read_file(folder / "a.txt", 5) == "12345");
  CHECK(has(refusal([&] { read_file(folder / "a.txt", 4); }), {"bad_file: ", "a.txt", "more than 4 bytes"}));
  const std::string large(3'000'001, 'x');
  write(folder / "b.txt", large);
  CHECK(read_file(folder / "b.txt", large.size()) == large);
  if (fs::exists("/proc/self/cmdline"))  // a file whose size reads 0
    CHECK(read_file("/proc/self/cmdline", 100000).size() > 0);
  CHECK(has(refusal([&] { read_file(folder / "none", 4); }), {"not_found: ", "none"}));
}

TEST_CASE("a mapped file has the bytes of the file") {
  Folder folder;
  write(folder / "a.txt", "12345");
  write(folder / "empty.txt", "");
  const auto mapped = MappedFile::open(folder / "a.txt");
  CHECK(std::string(reinterpret_cast<const char*>(mapped->bytes().data()), mapped->bytes().size()) == "12345");
  CHECK(MappedFile::open(folder / "empty.txt")->bytes().empty());
  mapped->check_unchanged();
}

TEST_CASE("home and cache folders follow the environment") {
  const auto with = [](const char* home, const char* cache) {
    home ? ::setenv("HOME", home, 1) : ::unsetenv("HOME");
    cache ? ::setenv("XDG_CACHE_HOME", cache, 1) : ::unsetenv("XDG_CACHE_HOME");
  };
  const std::string old_home = std::getenv("HOME") ? std::getenv("HOME") : "";
  with("/somewhere", nullptr);
  CHECK(home_directory() == "/somewhere");
  CHECK(cache_directory().native().rfind("/somewhere/", 0) == 0);
  CHECK(expand_home("~/a/b") == "/somewhere/a/b");
  CHECK(expand_home("~") == "/somewhere");
  CHECK(expand_home("/x/~") == "/x/~");
  CHECK(expand_home("~other/x") == "~other/x");
  with("/somewhere", "/cache");
  CHECK(cache_directory() == "/cache");
  with("relative", "relative");
  CHECK(home_directory() != "relative");
  CHECK(cache_directory() != "relative");
  with(nullptr, nullptr);
  CHECK(home_directory().is_absolute());  // from the account
  with(old_home.empty() ? nullptr : old_home.c_str(), nullptr);
}

TEST_CASE("texts for strangers name the home folder \"~\", with its links followed, too, and no other folder") {
  Folder folder;
  const auto real = std::filesystem::canonical(folder / ".") / "ann",
             home = std::filesystem::canonical(folder / ".") / "h";
  std::filesystem::create_directory(real);
  std::filesystem::create_directory_symlink(real, home);
  const std::string old_home = std::getenv("HOME") ? std::getenv("HOME") : "";
  ::setenv("HOME", (home.string() + "/").c_str(), 1);
  CHECK(without_home(home.string()) == "~");
  CHECK(without_home("no " + home.string() + "/a, nor " + real.string() + "/b") == "no ~/a, nor ~/b");
  for (const std::string& other :
       {home.string() + "er/a", "/data" + home.string(), real.string() + "-2", std::string()})
    CHECK(without_home(other) == other);
  ::setenv("HOME", "/", 1);
  CHECK(without_home("/a/b") == "/a/b");
  old_home.empty() ? ::unsetenv("HOME") : ::setenv("HOME", old_home.c_str(), 1);
}

TEST_CASE("an .npy file is what NumPy expects") {
  Folder folder;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  write_npy(folder / "a.npy", {2, 3}, values);
  const auto bytes = get(folder / "a.npy");
  CHECK(bytes.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  const size_t length = static_cast<unsigned char>(bytes[8]) + 256 * static_cast<unsigned char>(bytes[9]);
  CHECK((10 + length) % 64 == 0);
  CHECK(bytes.size() == 10 + length + 24);
  CHECK(has(bytes, {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,), }"}));
  CHECK(bytes[10 + length - 1] == '\n');
  CHECK(bytes.substr(10 + length) == std::string(reinterpret_cast<const char*>(values.data()), 24));
  CHECK(has(refusal([&] { write_npy(folder / "b.npy", {7}, values); }), {"internal: ", "6 numbers"}));
}
