// What OpenAI's requests say, as our recipe.
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <random>
#include <set>

#include "corepulse/nearest_name.h"

#include "http/body.h"
#include "openai/openai.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

[[noreturn]] void refuse_openai(const char* field, const std::string& expected) {
  throw Problem(400, "invalid_request", fmt::format("[{}] expected {}", field, expected));
}

/** A number, or in a form its digits. */
int64_t count_of(const json& body, const char* field, int64_t otherwise, int64_t least, int64_t most) {
  const auto found = body.find(field);
  if (found == body.end() || !found->is_string()) return number_of(body, field, otherwise, least, most);
  const auto& text = found->get_ref<const std::string&>();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    refuse_openai(field, fmt::format("a whole number from {} to {}", least, most));
  return value;
}

bool flag_of(const json& body, const char* field) {
  const auto found = body.find(field);
  if (found == body.end() || found->is_null()) return false;
  if (found->is_boolean()) return found->get<bool>();
  if (*found == "true" || *found == "false") return *found == "true";
  refuse_openai(field, "true or false");
}

std::string one_of(const json& body, const char* field, const std::string& otherwise,
                   std::initializer_list<const char*> values, const char* expected) {
  auto text = text_of(body, field, otherwise);
  for (const char* value : values)
    if (text == value) return text;
  refuse_openai(field, expected);
}

/** "512x768"; "auto" is the model's own, or the picture's proportions. */
void read_size(const json& body, json& recipe) {
  const auto size = text_of(body, "size", "auto");
  if (size == "auto") return;
  int width = 0, height = 0;
  const char* end = size.data() + size.size();
  const auto [by, error] = std::from_chars(size.data(), end, width);
  if (error != std::errc() || by == end || *by != 'x') refuse_openai("size", "WIDTHxHEIGHT or auto");
  const auto [last, wrong] = std::from_chars(by + 1, end, height);
  if (wrong != std::errc() || last != end) refuse_openai("size", "WIDTHxHEIGHT or auto");
  recipe["width"] = width, recipe["height"] = height;
}

void read_model(const json& body, Context& context, json& recipe) {
  const auto model = text_of(body, "model", "");
  if (model.empty()) return;
  std::vector<std::string> names;
  for (const auto& entry : context.catalog.models()) {
    if (entry.name == model) {
      recipe["model"] = model;
      return;
    }
    names.push_back(entry.name);
  }
  const auto near = nearest_name(model, names);
  throw Problem(404, "model_not_found",
                fmt::format("[model] there is no \"{}\"; GET /v1/models lists what there is{}", model.substr(0, 80),
                            near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

/** {controls, steps, ...} of a recipe, in a form as JSON's text. */
void read_ours(const json& body, json& recipe) {
  const auto found = body.find("corepulse");
  if (found == body.end() || found->is_null()) return;
  const auto ours = found->is_string() ? read_json(found->get<std::string>()) : *found;
  if (!ours.is_object()) refuse_openai("corepulse", "{controls: [...], ...} of a recipe");
  if (ours.contains("seed")) recipe.erase("seeds");
  for (const auto& [field, value] : ours.items())
    if (field == "init" && value.is_object() && recipe.contains("init"))
      recipe["init"].update(value);
    else
      recipe[field] = value;
}

/** What may change pictures there and does not here. Who asks, and whether it is watched, changes none anywhere. */
std::vector<std::string> not_heeded(const json& body) {
  static const std::set<std::string> known = {
      "prompt",        "model",           "n",    "size",      "background",        "stream",    "partial_images",
      "output_format", "response_format", "user", "corepulse", "safety_identifier", "moderation"};
  std::vector<std::string> fields, notes;
  for (const auto& [field, value] : body.items())
    if (!known.contains(field) && !value.is_null() && !(field == "quality" && (value == "auto" || value == "standard")))
      fields.push_back(field.substr(0, 80));
  if (fields.size() > 40) fields.resize(40);
  if (!fields.empty()) notes.push_back(fmt::format("not known here, and not heeded: {}", fmt::join(fields, ", ")));
  return notes;
}

}  // namespace

json recipe_of_openai(const json& body, Context& context, json init) {
  json recipe = {{"version", 1}, {"prompt", text_of(body, "prompt")}};
  const auto seed = uint64_t{std::random_device()()};
  auto seeds = json::array();
  for (int64_t i = 0, n = count_of(body, "n", 1, 1, 10); i < n; ++i) seeds.push_back(seed + uint64_t(i));
  recipe["seeds"] = seeds;
  read_size(body, recipe);
  read_model(body, context, recipe);
  one_of(body, "background", "auto", {"auto", "opaque"}, "auto or opaque: a model here draws no transparency");
  if (!init.is_null()) recipe["init"] = std::move(init);
  read_ours(body, recipe);
  return recipe;
}

ImagesAsked images_asked(const json& body, const Request& request) {
  ImagesAsked asked;
  asked.format = one_of(body, "output_format", "png", {"png", "jpeg", "webp"}, "png, jpeg or webp");
  asked.urls = one_of(body, "response_format", "b64_json", {"b64_json", "url"}, "b64_json or url") == "url";
  asked.host = request.headers.get("host");
  asked.quality = text_of(body, "quality", "auto").substr(0, 80);  // it is said again, and no name is longer
  asked.notes = not_heeded(body);
  asked.stream = flag_of(body, "stream");
  asked.partial_images = int(count_of(body, "partial_images", 0, 0, 3));
  if (asked.urls && asked.format != "png") refuse_openai("output_format", "png, where addresses are asked for");
  if (asked.urls && asked.stream) refuse_openai("response_format", "b64_json in a stream");
  return asked;
}

}  // namespace corepulse::server
