// What clients send by name: masks, first pictures, recordings; and recipes inside pictures.
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string_view>

#include "corepulse/host/image_bytes.h"
#include "corepulse/picture_recipe.h"

#include "api/api.h"
#include "http/problem.h"
#include "jobs/queue_state.h"

namespace corepulse::server {
namespace {

using namespace std::string_view_literals;
using nlohmann::json;

constexpr size_t kMostUpload = size_t{256} << 20;

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

json described(const Upload& upload) {
  json file = {{"id", upload.id}, {"name", "upload:" + upload.id}, {"bytes", upload.bytes}, {"type", upload.type}};
  if (upload.width > 0) file["width"] = upload.width, file["height"] = upload.height;
  return file;
}

Response upload_file(const Request& request, Context& context) {
  Upload upload{.id = new_id(), .type = upload_type(request.body), .bytes = int64_t(request.body.size())};
  if (upload.type.starts_with("image/")) {
    const auto image = decode_image(request.body);  // a damaged one is told of now
    upload.width = image.width, upload.height = image.height;
  }
  upload.created = unix_time();
  const auto file = context.folder.upload(upload.id);
  write_file(file, request.body);
  try {
    context.store.add(upload);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);  // nobody could ever name it
    throw;
  }
  auto response = json_response(described(upload), 201);
  response.headers.set("Location", "/v1/files/" + upload.id);
  return response;
}

Response download_file(const Request& request, Context& context) {
  const auto id = request.parameters.at("id");
  const auto upload = is_name(id) ? context.store.upload(id) : std::nullopt;
  if (!upload) throw missing("[id] there is no such file");
  return bytes_response(read_file(context.folder.upload(id)), upload->type);
}

Response read_picture(const Request& request, Context& context) {
  const auto found = recipe_of_picture(image_text_of(request.body), context.catalog.options().loras);
  json notes = found.notes;
  return json_response({{"recipe", json::parse(to_json(context.names.shown(found.recipe)))},
                        {"program", found.program},
                        {"notes", notes}});
}

}  // namespace

void add_files(Router& router, Context& context) {
  router.add("POST", "/v1/files", [&](const Request& request) { return upload_file(request, context); },
             {.body = Body::any, .most_body = kMostUpload});
  router.add("GET", "/v1/files/{id}", [&](const Request& request) { return download_file(request, context); });
  router.add("POST", "/v1/read", [&](const Request& request) { return read_picture(request, context); },
             {.body = Body::any, .reading = true});
}

}  // namespace corepulse::server
