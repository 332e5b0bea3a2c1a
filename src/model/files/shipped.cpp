#include "model/files/shipped.h"

#include <cstdlib>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <vector>

#include "corepulse/model.h"

#include "base/fail.h"
#include "io/digest/sha256.h"
#include "io/file.h"

namespace corepulse::model {
namespace {

namespace fs = std::filesystem;

/** The file of the program or library that this function is in. */
fs::path own_file() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<void*>(&own_file), &info) || !info.dli_fname) return {};
  std::error_code error;
  const auto file = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : file;
}

std::vector<fs::path> roots() {
  if (const char* data = std::getenv("COREPULSE_DATA"); data && *data) return {data};
  std::vector<fs::path> result;
  // bin/corepulse, lib/libcorepulse.so and lib/x86_64-linux-gnu/libcorepulse.so all find PREFIX/share; in a build tree
  // its parts are links (src/model/CMakeLists.txt).
  auto folder = own_file().parent_path();
  for (int i = 0; i < 3 && folder.has_relative_path(); ++i, folder = folder.parent_path())
    result.push_back(folder / "share" / "corepulse");
  return result;
}

}  // namespace

fs::path shipped(const fs::path& relative) {
  const auto places = roots();
  for (const auto& root : places)
    if (io::is_there(root / relative)) return root / relative;
  std::vector<std::string> names;
  for (const auto& root : places) names.push_back(root.string());
  fail(ErrorCode::not_found, "model",
       fmt::format("{} is in none of: {}; set COREPULSE_DATA to the folder that holds it", relative.string(),
                   fmt::join(names, ", ")));
}

fs::path builtin_folder() {
  return shipped("models/builtin");
}

fs::path clip_vocabulary() {
  return shipped("data/clip/bpe_simple_vocab_16e6.txt.gz");
}

}  // namespace corepulse::model

namespace corepulse {

void verify_builtin_model() {
  io::check_sha256_sums(model::builtin_folder() / "SHA256SUMS");
}

}  // namespace corepulse
