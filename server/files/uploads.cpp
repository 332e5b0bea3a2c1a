#include "files/uploads.h"

#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <string_view>
#include <system_error>
#include <utility>

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

Upload keep_upload(const Folder& folder, Store& store, const std::string& bytes) {
  Upload upload{.id = new_id(), .type = upload_type(bytes), .bytes = int64_t(bytes.size())};
  if (upload.type.starts_with("image/")) {
    const auto image = decode_image(bytes);  // a damaged one is told of now
    upload.width = image.width, upload.height = image.height;
  }
  upload.created = unix_time();
  const auto file = folder.upload(upload.id);
  write_file(file, bytes);
  try {
    store.add(upload);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);  // nobody could ever name it
    throw;
  }
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
