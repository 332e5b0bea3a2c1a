// Everything that was drawn.
#include <filesystem>
#include <nlohmann/json.hpp>

#include "corepulse/host/image_bytes.h"

#include "api/api.h"
#include "files/shrink.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr int kThumb = 256;  // pixels

Response show_history(const Request& request, Context& context) {
  const auto query = request.query_value("q");
  if (characters(query) > 500) throw Problem(400, "invalid_request", "[q] expected at most 500 characters");
  const auto before = request.query_number("before", 0, 0, INT64_MAX);
  const auto limit = static_cast<int>(request.query_number("limit", 50, 1, 200));
  const auto found = context.store.history(query, before, limit);
  auto items = json::array();
  for (const auto& item : found)
    items.push_back({{"job", item.job},
                     {"picture", item.picture},
                     {"url", "/v1/pictures/" + item.picture},
                     {"thumb_url", "/v1/pictures/" + item.picture + "?thumb=1"},
                     {"prompt", item.prompt},
                     {"label", item.label},
                     {"seed", item.seed},
                     {"width", item.width},
                     {"height", item.height},
                     {"created", item.created}});
  const bool more = found.size() == static_cast<size_t>(limit);
  return json_response({{"items", items}, {"next", more ? json(found.back().number) : json()}});
}

std::string thumb(const std::string& name, Context& context) {
  const auto file = context.folder.thumb(name);
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) return read_file(file);
  const auto small = shrunk(decode_image(read_file(context.folder.picture(name))), kThumb);
  auto bytes = encode_image(small, ".jpg");
  try {
    write_file(file, bytes);
  } catch (const Error&) {  // made again the next time: a full disk is no reason to show nothing
  }
  return bytes;
}

Response give_picture(const Request& request, Context& context) {
  const auto& name = request.parameters.at("name");
  if (!is_name(name) || !context.store.has_picture(name)) throw missing("[name] there is no such picture");
  const bool small = request.query_number("thumb", 0, 0, 1) == 1;
  auto response = small ? bytes_response(thumb(name, context), "image/jpeg")
                        : Response{.headers = {{"Content-Type", "image/png"}},
                                   .pieces = pieces_of_file(context.folder.picture(name))};
  response.headers.set("Cache-Control", "private, max-age=31536000, immutable");
  return response;
}

}  // namespace

void add_history(Router& router, Context& context) {
  router.add("GET", "/v1/history", [&](const Request& request) { return show_history(request, context); });
  router.add("GET", "/v1/pictures/{name}", [&](const Request& request) { return give_picture(request, context); });
}

}  // namespace corepulse::server
