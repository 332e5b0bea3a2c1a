#include "sweep/files/mask_files.h"

#include <fmt/format.h>
#include <span>

#include "base/fail.h"
#include "io/base64.h"
#include "io/digest/sha256.h"
#include "io/file.h"

namespace corepulse::sweep {

namespace fs = std::filesystem;

namespace {

constexpr size_t kMostMaskBytes = size_t{512} << 20;

template <class Change>
void each_picture_region(io::Json& json, const Change& change) {
  if (!json.is_structured()) return;
  if (json.is_object() && json.value("shape", io::Json()) == "picture") change(json);
  for (auto& part : json) each_picture_region(part, change);
}

std::string string_in(const io::Json& region, const char* field) {
  const auto at = region.find(field);
  return at != region.end() && at->is_string() ? at->get<std::string>() : "";
}

std::string mask_name(const std::string& sha256) {
  return fmt::format("{}/{}.png", kMasks, sha256);
}

}  // namespace

void take_out_masks(io::Json& recipe, const fs::path& folder) {
  each_picture_region(recipe, [&](io::Json& region) {
    const auto bytes = io::from_base64(string_in(region, "data"));
    if (!bytes || bytes->empty()) return;
    const auto digest = io::sha256_of(*bytes);
    const auto name = mask_name(digest);
    if (!io::is_there(folder / name)) {
      std::error_code error;
      fs::create_directories(folder / kMasks, error);  // what is wrong with it the file says
      io::write_file(folder / name, std::as_bytes(std::span(*bytes)));
    }
    region.erase("data");
    region["file"] = name, region["sha256"] = digest;
  });
}

void put_in_masks(io::Json& recipe, const fs::path& folder) {
  each_picture_region(recipe, [&](io::Json& region) {
    const auto digest = string_in(region, "sha256"), name = string_in(region, "file");
    if (!io::is_sha256(digest) || name != mask_name(digest)) return;
    const auto bytes = io::read_file(folder / name, kMostMaskBytes);
    if (io::sha256_of(bytes) != digest)
      fail(ErrorCode::bad_file, "sweep", fmt::format("{} is not what it was", io::shown(folder / name)));
    region.erase("file"), region.erase("sha256");
    region["data"] = io::to_base64(bytes);
  });
}

}  // namespace corepulse::sweep
