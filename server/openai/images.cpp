#include <fmt/format.h>

#include "corepulse/host/image_bytes.h"

#include "files/uploads.h"
#include "http/base64.h"
#include "http/body.h"
#include "http/multipart.h"
#include "openai/openai.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr size_t kMostFormBody = size_t{64} << 20;

/** What a picture shows where it is opaque stays: OpenAI's masks are transparent where something is to be drawn. */
json form_mask(const std::string& bytes, Context& context) {
  if (decode_image(bytes, "the mask").alpha.empty())
    throw Problem(400, "invalid_request", "[mask] expected a picture that is transparent where it is to be drawn anew");
  return {{"shape", "picture"},
          {"file", "upload:" + context.uploads.keep(bytes).id},
          {"channel", "alpha"},
          {"invert", true}};
}

/** The form's texts by name, with "corepulse" as JSON's text; pictures become `init`. */
json edit_recipe(const std::vector<Part>& parts, json& body, Context& context) {
  const Part *picture = nullptr, *mask = nullptr;
  for (const auto& part : parts) {
    if (part.name == "image" || part.name == "image[]") {
      if (picture) throw Problem(400, "invalid_request", "[image] expected one picture");
      picture = &part;
    } else if (part.name == "mask") {
      mask = &part;
    } else if (!is_utf8(part.body)) {
      throw Problem(400, "invalid_request", fmt::format("[{}] not UTF-8", part.name.substr(0, 80)));
    } else if (!body.emplace(part.name, part.body).second) {
      throw Problem(400, "invalid_request", fmt::format("[{}] stands twice", part.name.substr(0, 80)));
    }
  }
  if (!picture) throw Problem(400, "invalid_request", "[image] missing");
  json init = {{"file", "upload:" + context.uploads.keep(picture->body).id}};
  if (mask) init["mask"] = form_mask(mask->body, context);
  return recipe_of_openai(body, context, std::move(init));
}

template <class Call>
Handler with_openai_errors(Call call) {
  return [call](const Request& request) {
    try {
      return call(request);
    } catch (...) {
      return openai_error(current_problem());
    }
  };
}

}  // namespace

std::string in_format(const std::string& png, const std::string& format) {
  return format == "png" ? png : encode_image(decode_image(png), format == "jpeg" ? ".jpg" : ".webp");
}

json openai_error_json(const Problem& problem) {
  return {{"error",
           {{"message", problem.what()},
            {"type", problem.status < 500 ? "invalid_request_error" : "server_error"},
            {"param", nullptr},
            {"code", problem.code}}}};
}

Response openai_error(const Problem& problem) {
  auto response = json_response(openai_error_json(problem), problem.status);
  for (const auto& [name, value] : problem.headers) response.headers.set(name, value);
  return response;
}

json no_tokens() {
  return {{"input_tokens", 0},
          {"input_tokens_details", {{"image_tokens", 0}, {"text_tokens", 0}}},
          {"output_tokens", 0},
          {"total_tokens", 0}};
}

json answer_notes(const Job& job, const ImagesAsked& asked) {
  auto notes = asked.notes;
  notes.insert(notes.end(), job.notes.begin(), job.notes.end());
  return {{"job", job.id}, {"notes", notes}};
}

json images_answer(const Job& job, const ImagesAsked& asked, const Folder& folder) {
  check_drawn(job);
  auto data = json::array();
  for (const auto& picture : job.pictures) {
    if (asked.urls)
      data.push_back({{"url", fmt::format("http://{}/v1/pictures/{}", asked.host, picture.name)}});
    else
      data.push_back({{"b64_json", to_base64(in_format(read_file(folder.picture(picture.name)), asked.format))}});
  }
  return {{"created", int64_t(job.finished)},
          {"data", data},
          {"output_format", asked.format},
          {"quality", asked.quality},
          {"background", "opaque"},
          {"size", job.pictures.empty() ? "" : fmt::format("{}x{}", job.pictures[0].width, job.pictures[0].height)},
          {"usage", no_tokens()},
          {"corepulse", answer_notes(job, asked)}};
}

void add_openai(Router& router, Context& context) {
  router.add("POST", "/v1/images/generations", with_openai_errors([&](const Request& request) {
               const auto body = read_json(request.body);
               return draw_images(recipe_of_openai(body, context), images_asked(body, request), context);
             }),
             {.body = Body::json});
  router.add("POST", "/v1/images/edits", with_openai_errors([&](const Request& request) {
               auto body = json::object();
               auto recipe = edit_recipe(read_multipart(request), body, context);
               auto asked = images_asked(body, request);
               asked.events = "image_edit";
               return draw_images(recipe, asked, context);
             }),
             {.body = Body::multipart, .most_body = kMostFormBody});
}

}  // namespace corepulse::server
