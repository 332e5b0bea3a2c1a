// What clients send by name: masks, first pictures, recordings; and recipes inside pictures.
#include <nlohmann/json.hpp>

#include "corepulse/host/image_bytes.h"
#include "corepulse/picture_recipe.h"

#include "api/api.h"
#include "files/uploads.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr size_t kMostUpload = size_t{256} << 20;

json described(const Upload& upload) {
  json file = {{"id", upload.id}, {"name", "upload:" + upload.id}, {"bytes", upload.bytes}, {"type", upload.type}};
  if (upload.width > 0) file["width"] = upload.width, file["height"] = upload.height;
  return file;
}

Response upload_file(const Request& request, Context& context) {
  const auto upload = context.uploads.keep(request.body);
  auto response = json_response(described(upload), 201);
  response.headers.set("Location", "/v1/files/" + upload.id);
  return response;
}

Response download_file(const Request& request, Context& context) {
  const auto id = request.parameters.at("id");
  const auto upload = is_name(id) ? context.store.upload(id) : std::nullopt;
  if (!upload) throw missing("[id] there is no such file");
  return {.headers = {{"Content-Type", upload->type}}, .pieces = pieces_of_file(context.folder.upload(id))};
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
