#include "jobs/job.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <nlohmann/json.hpp>

#include "http/body.h"
#include "http/problem.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr const char* kStates[] = {"queued", "running", "done", "failed", "cancelled", "interrupted"};

std::vector<std::string> words_of(const json& body) {
  std::vector<std::string> words;
  const auto found = body.find("heat_maps");
  if (found == body.end() || found->is_null()) return words;
  const auto refuse = [] {
    throw Problem(400, "invalid_request", "[heat_maps] expected a list of at most 16 words of the prompt");
  };
  if (!found->is_array() || found->size() > 16) refuse();
  for (const auto& word : *found) {
    if (!word.is_string() || word.get<std::string>().empty()) refuse();
    words.push_back(word.get<std::string>());
  }
  return words;
}

json pictures_of(const Job& job) {
  auto pictures = json::array();
  for (const auto& picture : job.pictures) {
    pictures.push_back({{"name", picture.name},
                        {"url", "/v1/pictures/" + picture.name},
                        {"seed", picture.seed},
                        {"width", picture.width},
                        {"height", picture.height}});
    if (!picture.label.empty()) pictures.back()["label"] = picture.label;
    if (job.asked.kind == "sweep" && picture.label != kSheetLabel) pictures.back()["cell"] = picture.index;
  }
  return pictures;
}

json heat_maps_of(const Job& job) {
  auto maps = json::array();
  for (const auto& map : job.heat_maps)
    maps.push_back({{"word", map.word}, {"image", map.image}, {"name", map.name}, {"url", "/v1/pictures/" + map.name}});
  return maps;
}

}  // namespace

const char* name(JobState state) noexcept {
  return kStates[static_cast<int>(state)];
}

std::optional<JobState> job_state(std::string_view name) {
  const auto found = std::find(std::begin(kStates), std::end(kStates), name);
  if (found == std::end(kStates)) return std::nullopt;
  return static_cast<JobState>(found - std::begin(kStates));
}

json to_json(const Job& job) {
  json result = {{"id", job.id},
                 {"kind", job.asked.kind},
                 {"state", name(job.state)},
                 {"position", job.position},
                 {"priority", job.asked.priority},
                 {"created", job.created},
                 {"step", job.step},
                 {"steps", job.steps},
                 {"pass", job.pass},
                 {"passes", job.passes},
                 {"sigma", job.sigma},
                 {"pictures", pictures_of(job)},
                 {"heat_maps", heat_maps_of(job)}};
  result["started"] = job.started > 0 ? json(job.started) : json();
  result["finished"] = job.finished > 0 ? json(job.finished) : json();
  if (job.error) {
    const Problem problem(job.error->status, job.error->code, job.error->detail);
    result["error"] = to_json(problem);
  }
  if (!job.notes.empty()) result["notes"] = job.notes;
  const auto& recipe = job.resolved.empty() ? job.asked.recipe : job.resolved;
  if (!recipe.empty()) result["recipe"] = json::parse(recipe, nullptr, false);
  if (!job.asked.sweep.empty()) result["spec"] = json::parse(job.asked.sweep, nullptr, false);
  return result;
}

void check_drawn(const Job& job) {
  if (job.error) throw Problem(job.error->status, job.error->code, job.error->detail);
  if (job.state != JobState::done) throw Problem(409, name(job.state), "[job] it was ended");
}

Submission submission_of(const json& body) {
  check_fields(body, {"kind", "recipe", "spec", "priority", "previews", "heat_maps"});
  Submission asked{.kind = text_of(body, "kind", "generate")};
  if (asked.kind != "generate" && asked.kind != "sweep")
    throw Problem(400, "invalid_request", "[kind] expected generate or sweep");
  const bool sweep = asked.kind == "sweep";
  if (body.contains(sweep ? "recipe" : "spec"))
    throw Problem(400, "invalid_request", sweep ? "[recipe] of a sweep it stands in spec" : "[spec] it is a sweep's");
  (sweep ? asked.sweep : asked.recipe) = object_of(body, sweep ? "spec" : "recipe").dump();
  asked.priority = static_cast<int>(number_of(body, "priority", 0, -100, 100));
  asked.previews = static_cast<int>(number_of(body, "previews", 1, 0, 1000));
  asked.heat_maps = words_of(body);
  return asked;
}

}  // namespace corepulse::server
