#include "io/kept.h"

#include <chrono>

#include "support.h"

namespace corepulse {
namespace {

namespace fs = std::filesystem;
using io::find_kept, io::keep;

const std::string kKey = "NVRTC 13.0\nsource", kContent = std::string(
                                                   "\x7f"
                                                   "ELF\0code",
                                                   9);

fs::path only_file(const fs::path& folder) {
  REQUIRE(std::distance(fs::directory_iterator(folder), {}) == 1);
  return fs::directory_iterator(folder)->path();
}

TEST_CASE("what was kept is found again under the very key it was kept for") {
  const test::Folder home;
  const auto folder = home / "new/cuda";
  CHECK_FALSE(find_kept(folder, kKey));
  keep(folder, kKey, kContent);
  CHECK(find_kept(folder, kKey) == kContent);
  CHECK_FALSE(find_kept(folder, kKey + "\n"));
  CHECK_FALSE(find_kept(folder, "NVRTC 13.0"));
  CHECK_FALSE(find_kept(folder, ""));
  keep(folder, kKey, "another");
  CHECK(find_kept(folder, kKey) == "another");
  only_file(folder);
}

TEST_CASE("a file of another key under this key's name is not used") {
  const test::Folder home;
  const auto folder = home / "cuda";
  keep(folder, kKey, kContent);
  const auto file = only_file(folder);
  const auto other = kKey + "\nmore";
  keep(folder, other, kContent);
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path() != file) fs::rename(entry.path(), file);
  CHECK_FALSE(find_kept(folder, kKey));
}

TEST_CASE("a damaged file is not used, and replaced") {
  const test::Folder home;
  const auto folder = home / "cuda";
  keep(folder, kKey, kContent);
  const auto file = only_file(folder);
  const auto sound = test::get(file);
  for (size_t i = 0; i < sound.size(); ++i) {
    CAPTURE(i);
    auto bytes = sound;
    bytes[i] ^= 1;
    test::put(file, bytes);
    CHECK_FALSE(find_kept(folder, kKey));
    test::put(file, sound.substr(0, i));
    CHECK_FALSE(find_kept(folder, kKey));
  }
  test::put(file, sound + '\0');
  CHECK_FALSE(find_kept(folder, kKey));
  test::put(file, sound);
  fs::resize_file(file, uintmax_t{1} << 40);  // a hole, which must not be read
  CHECK_FALSE(find_kept(folder, kKey));
  keep(folder, kKey, kContent);
  CHECK(find_kept(folder, kKey) == kContent);
  fs::remove(file);
  fs::create_directory(file);
  CHECK_FALSE(find_kept(folder, kKey));
  keep(folder, kKey, kContent);
  CHECK_FALSE(find_kept(folder, kKey));
}

TEST_CASE("the folder keeps within its bytes: what was not used for longest goes first") {
  const test::Folder home;
  const auto folder = home / "cuda";
  const std::string code(1000, 'x');
  const auto key = [](int i) { return "kernel " + std::to_string(i); };
  // A file system's clock may not tick between two calls.
  const auto let_time_pass = [&] {
    for (const auto& entry : fs::directory_iterator(folder))
      fs::last_write_time(entry, entry.last_write_time() - std::chrono::seconds(10));
  };
  for (int i = 0; i < 4; ++i) keep(folder, key(i), code, 10000), let_time_pass();
  CHECK(std::distance(fs::directory_iterator(folder), {}) == 4);
  CHECK(find_kept(folder, key(0)) == code);
  let_time_pass();
  keep(folder, key(4), code, 5000);
  CHECK(find_kept(folder, key(0)) == code);
  CHECK_FALSE(find_kept(folder, key(1)));
  for (int i = 2; i < 5; ++i) CHECK(find_kept(folder, key(i)) == code);
  let_time_pass();
  keep(folder, key(5), std::string(20000, 'x'), 5000);  // the newest goes last
  CHECK_FALSE(find_kept(folder, key(4)));
}

TEST_CASE("a folder that cannot be made keeps nothing, and that is no error") {
  const test::Folder home;
  test::put(home / "file", "");
  for (const auto& folder : {home / "file/cuda", home / "file", fs::path("/proc/no/cuda"), fs::path()}) {
    keep(folder, kKey, kContent);
    CHECK_FALSE(find_kept(folder, kKey));
  }
}

TEST_CASE("nobody else may write what is taken for our own") {
  const test::Folder home;
  const auto folder = home / "cuda";
  keep(folder, kKey, kContent);
  CHECK(fs::status(folder).permissions() == fs::perms::owner_all);
  for (const auto others : {fs::perms::group_write, fs::perms::others_write}) {
    fs::permissions(folder, fs::perms::owner_all | others);
    CHECK_FALSE(find_kept(folder, kKey));
    keep(folder, "another", kContent);
    only_file(folder);
  }
  fs::permissions(folder, fs::perms::owner_all);
  CHECK(find_kept(folder, kKey) == kContent);
}

}  // namespace
}  // namespace corepulse
