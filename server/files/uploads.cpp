#include "files/uploads.h"

#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "corepulse/host/image_bytes.h"

#include "http/base64.h"
#include "http/problem.h"
#include "jobs/queue_state.h"

namespace corepulse::server {
namespace {

using namespace std::string_view_literals;

/** By the first bytes; what is none of these is no file that a recipe could name. */
std::string upload_type(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"sv)) return "image/png";
  if (bytes.starts_with("\xff\xd8\xff"sv)) return "image/jpeg";
  if (bytes.starts_with("RIFF"sv) && bytes.substr(8, 4) == "WEBP"sv) return "image/webp";
  if (bytes.starts_with("\x93NUMPY"sv)) return "application/x-npy";
  uint64_t header = 0;
  for (size_t i = 8; i-- > 0 && bytes.size() > 9;) header = header << 8 | static_cast<unsigned char>(bytes[i]);
  if (bytes.size() > 9 && header <= bytes.size() - 8 && header > 1 && bytes[8] == '{')
    return "application/x-safetensors";
  throw Problem(
      415, "unsupported_media_type",
      "[body] no PNG, JPEG, WebP, safetensors or npy; expected one of these, as it is, without a form around it");
}

}  // namespace

Uploads::Uploads(const Folder& folder, Store& store, int64_t most)
    : folder_(folder), store_(store), most_(most), held_(store.upload_room()) {}

void Uploads::make_room(int64_t room) {
  auto left = most_ - held_ - room;
  if (left >= 0) return;
  const auto oldest = room > most_ ? std::vector<Upload>() : store_.free_uploads(-left);
  for (const auto& upload : oldest) left += room_of(upload);
  if (left < 0)
    throw Problem(507, "quota",
                  fmt::format("[file] {} bytes more; clients' files may hold {} in all (--uploads)", room, most_));
  std::error_code ignored;
  for (const auto& upload : oldest) {
    store_.remove_upload(upload.id);
    std::filesystem::remove(folder_.upload(upload.id), ignored);
    held_ -= room_of(upload);
  }
}

Upload Uploads::keep(const std::string& bytes) {
  Upload upload{.id = new_id(), .type = upload_type(bytes), .bytes = int64_t(bytes.size())};
  if (upload.type.starts_with("image/")) {
    const auto image = decode_image(bytes);  // a damaged one is told of now
    upload.width = image.width, upload.height = image.height;
  }
  upload.created = unix_time();
  const std::lock_guard lock(mutex_);
  make_room(room_of(upload));
  const auto file = folder_.upload(upload.id);
  write_file(file, bytes);
  try {
    store_.add(upload);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);  // nobody could ever name it
    throw;
  }
  held_ += room_of(upload);
  return upload;
}

std::string picture_bytes(const std::string& text, const std::string& field) {
  const auto comma = text.starts_with("data:") ? text.find(',') : text.npos;
  auto bytes = from_base64(comma == text.npos ? std::string_view(text) : std::string_view(text).substr(comma + 1));
  if (bytes && !bytes->empty()) return std::move(*bytes);
  throw Problem(400, "invalid_request",
                fmt::format("[{}] expected a picture in base64; addresses are not fetched", field));
}

}  // namespace corepulse::server
