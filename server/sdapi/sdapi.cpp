#include "sdapi/sdapi.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/host/image_bytes.h"
#include "corepulse/picture_recipe.h"

#include "files/uploads.h"
#include "http/body.h"
#include "http/problem.h"
#include "sdapi/recipe.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr size_t kMostSdBody = size_t{128} << 20;  // pictures in base64

constexpr size_t kMostShownText = 4096, kMostShown = size_t{256} << 10;  // bytes

/** Roughly what it takes. */
size_t bytes_of(const json& value) {
  size_t bytes = sizeof(json);
  if (value.is_string()) bytes += value.get_ref<const std::string&>().size();
  if (value.is_structured())
    for (const auto& [key, inner] : value.items()) bytes += key.size() + bytes_of(inner);
  return bytes;
}

void shorten_texts(json& value) {
  if (value.is_structured())
    for (auto& inner : value) shorten_texts(inner);
  else if (const auto* text = value.get_ptr<const std::string*>(); text && text->size() > kMostShownText)
    value = fmt::format("({} bytes, left out)", text->size());
}

/** As they came, but for what is long, as pictures are: the answer is kept until the job is drawn. */
json shown_parameters(json body, std::vector<std::string>& notes) {
  if (!body.value("include_init_images", json(false)).is_boolean() || !body.value("include_init_images", false))
    for (const char* field : {"init_images", "mask"})
      if (body.contains(field)) body[field] = nullptr;
  shorten_texts(body);
  json shown = json::object();
  size_t bytes = 0, left = 0;
  for (auto& [field, value] : body.items())
    if (const auto more = field.size() + bytes_of(value); bytes + more <= kMostShown)
      bytes += more, shown[field] = std::move(value);
    else
      ++left;
  if (left > 0) notes.push_back(fmt::format("parameters: {} long fields are left out there", left));
  return shown;
}

/** Waits in the queue as every job does; the client waits for its answer. */
Response draw_for_sdapi(const Request& request, Context& context, SdOptions& options, bool from_picture) {
  auto body = read_json(request.body);
  const auto keep = [&](const std::string& bytes) { return "upload:" + context.uploads.keep(bytes).id; };
  auto made = read_sdapi(body, {from_picture, context.catalog, options, keep});
  const bool send = SdFields(body).flag("send_images", true);
  auto parameters = shown_parameters(std::move(body), made.notes);
  const auto job = context.queue.submit({.recipe = made.recipe.dump(), .origin = "a1111"});
  Response response;
  response.later = [&context, id = job.id, asked = SdAsked{std::move(parameters), std::move(made.notes), send}](
                       const std::function<void(Response)>& answer) {
    return context.queue.on_end(id, [&folder = context.folder, asked, answer](const Job& ended) {
      try {
        answer(sd_answer(ended, asked, folder));
      } catch (...) {
        answer(problem_response(current_problem()));
      }
    });
  };
  return response;
}

Response read_png_info(const Request& request, Context& context) {
  const auto body = read_json(request.body);
  const auto text = image_text_of(picture_bytes(text_of(body, "image", ""), "image"));
  json items = json::object(), parameters = json::object();
  for (const auto& [key, value] : text) items[key] = value;
  const auto found = text.find("parameters");
  try {
    const auto read = recipe_of_picture(text, context.catalog.options().loras);
    parameters = {{"program", read.program},
                  {"recipe", json::parse(to_json(context.names.shown(read.recipe)))},
                  {"notes", read.notes}};
  } catch (const Error&) {
    // A picture without a recipe: its texts are all there is to say.
  }
  return json_response(
      {{"info", found == text.end() ? "" : found->second}, {"items", items}, {"parameters", parameters}});
}

}  // namespace

void add_sdapi(Router& router, Context& context) {
  const auto options = std::make_shared<SdOptions>(context.catalog);
  for (const bool from_picture : {false, true})
    router.add("POST", from_picture ? "/sdapi/v1/img2img" : "/sdapi/v1/txt2img",
               [&context, options, from_picture](const Request& request) {
                 return draw_for_sdapi(request, context, *options, from_picture);
               },
               {.body = Body::json, .most_body = kMostSdBody});
  router.add("GET", "/sdapi/v1/options", [options](const Request&) { return json_response(options->all()); });
  router.add("POST", "/sdapi/v1/options",
             [options](const Request& request) {
               options->set(read_json(request.body));
               return json_response(nullptr);
             },
             {.body = Body::json});
  router.add("POST", "/sdapi/v1/png-info", [&](const Request& request) { return read_png_info(request, context); },
             {.body = Body::json, .most_body = kMostSdBody, .reading = true});
  for (const char* path : {"refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings"})
    // The folders are looked through again whenever somebody asks.
    router.add("POST", std::string("/sdapi/v1/") + path, [](const Request&) { return json_response(nullptr); },
               {.body = Body::any, .most_body = 4096, .reading = true});
  add_sd_progress(router, context);
  add_sd_lists(router, context);
}

}  // namespace corepulse::server
