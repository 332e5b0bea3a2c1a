#include "io/hf_cache.h"

#include "support.h"

using namespace corepulse;
using namespace corepulse::io;
using namespace corepulse::test;

namespace {

const std::string kCommit(40, 'a'), kOther(40, 'b');

// A cache as huggingface_hub lays it out, with HF_HUB_CACHE pointing at it.
struct Cache {
  Folder folder;
  fs::path repository = folder / "hub/models--org--name";

  Cache() {
    fs::create_directories(repository / "refs");
    fs::create_directories(repository / "blobs");
    fs::create_directories(repository / "snapshots" / kCommit / "unet");
    fs::create_directories(repository / "snapshots" / kOther);
    put(repository / "refs/main", kCommit);
    put(repository / "blobs/123", "weights");
    fs::create_symlink("../../../blobs/123", repository / "snapshots" / kCommit / "unet/a.safetensors");
    use("HF_HUB_CACHE", folder / "hub");
  }
  ~Cache() { use("", ""); }

  /** Sets one of the variables, unsets the others. */
  static void use(const std::string& name, const fs::path& value) {
    for (const char* each : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"})
      name == each ? ::setenv(each, value.c_str(), 1) : ::unsetenv(each);
  }
};

std::string error_of(const std::string& id) {
  return refusal([&] { find_hf_snapshot(id); });
}

}  // namespace

TEST_CASE("a downloaded repository is found by its name") {
  Cache cache;
  const auto found = find_hf_snapshot("org/name");
  CHECK(found.commit == kCommit);
  CHECK(get(found.folder / "unet/a.safetensors") == "weights");
  CHECK(find_hf_snapshot("org/name@main").commit == kCommit);
}

TEST_CASE("a revision is a branch, a tag, a pull request or a commit") {
  Cache cache;
  put(cache.repository / "refs/fp16", kOther + "\n");
  fs::create_directories(cache.repository / "refs/refs/pr");
  put(cache.repository / "refs/refs/pr/3", kOther);
  CHECK(find_hf_snapshot("org/name@fp16").commit == kOther);
  CHECK(find_hf_snapshot("org/name@refs/pr/3").commit == kOther);
  CHECK(find_hf_snapshot("org/name@" + kOther).commit == kOther);
  CHECK(has(error_of("org/name@v9"), {"not_found", "org/name@v9", "models--org--name"}));
  CHECK(has(error_of("org/name@refs/pr/4"), {"not_found"}));
}

TEST_CASE("the cache is where Hugging Face's own tools look") {
  Cache cache;
  const auto base = cache.folder.path();
  const auto at = [&](const char* name, const fs::path& value) {
    Cache::use(name, value);
    return hf_cache_directory();
  };
  CHECK(at("HF_HUB_CACHE", base / "x") == base / "x");
  CHECK(at("HUGGINGFACE_HUB_CACHE", base / "x") == base / "x");
  CHECK(at("HF_HOME", base / "x") == base / "x/hub");
  CHECK(at("XDG_CACHE_HOME", base / "x") == base / "x/huggingface/hub");
  const std::string home = std::getenv("HOME") ? std::getenv("HOME") : "";
  ::setenv("HOME", "/somewhere", 1);
  CHECK(at("", "") == "/somewhere/.cache/huggingface/hub");
  CHECK(at("HF_HOME", "~/hf") == "/somewhere/hf/hub");
  home.empty() ? ::unsetenv("HOME") : ::setenv("HOME", home.c_str(), 1);
}

TEST_CASE("a model that is not there is told with the place that was looked at and the remedy") {
  Cache cache;
  const auto error = error_of("org/absent");
  CHECK(has(error, {"not_found: ", "org/absent", "hub/models--org--absent", "huggingface-cli download org/absent"}));
  fs::remove_all(cache.repository / "snapshots" / kCommit);
  CHECK(has(error_of("org/name"), {"not_found: ", "snapshots/", kCommit.c_str()}));
}

TEST_CASE("names cannot lead out of the cache") {
  Cache cache;
  for (const char* id : {"",
                         "/",
                         "a/",
                         "/a",
                         "../x",
                         "org/..",
                         "org/../x",
                         "a/b/c",
                         "org/name@",
                         "org/name@..",
                         "org/name@../../x",
                         "org/name@/etc",
                         "org/name@a//b",
                         "org/na me",
                         "org/na\nme",
                         "org--x/name",
                         "~/x",
                         ".hidden/x",
                         "org/name@a/../b",
                         "-x/y",
                         "org/\xc3\xa9"}) {
    CAPTURE(id);
    CHECK_FALSE(is_hf_id(id));
    CHECK(has(error_of(id), {"invalid_request", "org/name"}));
  }
  CHECK_FALSE(is_hf_id(std::string("org/na\0me", 9)));
  CHECK(is_hf_id("gpt2"));
  CHECK(is_hf_id("stabilityai/stable-diffusion-xl-base-1.0"));
}

TEST_CASE("a reference that holds a path is refused") {
  Cache cache;
  for (const char* text : {"../../../../etc", "", "/etc", "main", "AAAA"}) {
    put(cache.repository / "refs/main", text);
    CHECK(has(error_of("org/name"), {"bad_file", "refs/main", "expected a commit"}));
  }
  put(cache.repository / "refs/main", std::string(10000, 'a'));
  CHECK(has(error_of("org/name"), {"bad_file", "refs/main"}));
}

TEST_CASE("links that lead out of the repository are refused, wherever they are") {
  const auto error_with = [](const fs::path& target, const std::string& name) {
    Cache cache;
    put(cache.folder / "secret", "secret");
    fs::create_directories(cache.folder / "hub/models--org--name2");
    fs::create_symlink(target, cache.repository / "snapshots" / kCommit / name);
    return error_of("org/name");
  };
  for (const char* target :
       {"/etc/passwd", "/etc", "../../../../secret", "../../../models--org--name2", "../../../../absent"}) {
    const auto error = error_with(target, "x.safetensors");
    CAPTURE(error);
    CHECK(has(error, {"bad_file", "x.safetensors"}));
  }
  CHECK(has(error_with("../../../../../secret", "unet/y.json"), {"bad_file", "y.json"}));
  CHECK(error_with("../../blobs/absent", "z.json") == "");

  Cache cache;  // the snapshot folder itself
  fs::create_directories(cache.folder / "elsewhere");
  fs::remove_all(cache.repository / "snapshots" / kCommit);
  fs::create_directory_symlink(cache.folder / "elsewhere", cache.repository / "snapshots" / kCommit);
  CHECK(has(error_of("org/name"), {"bad_file", "leads out"}));
}

TEST_CASE("a cache that is itself reached by a link works") {
  Cache cache;
  fs::create_directory_symlink(cache.folder / "hub", cache.folder / "alias");
  Cache::use("HF_HUB_CACHE", cache.folder / "alias");
  CHECK(find_hf_snapshot("org/name").commit == kCommit);
}
