// The explanation for programs.
#include "control/program/explain.h"
#include "control/program/explain_table.h"
#include "control/program/selector.h"
#include "control/program/step_inputs.h"
#include "control/recipe/write_object.h"

namespace corepulse::control {
namespace {

using Data = Program::Data;

OrderedJson paths_of(const std::vector<Site>& sites, const std::vector<bool>& chosen) {
  auto paths = OrderedJson::array();
  for (const int i : indices(chosen)) paths.push_back(sites[static_cast<size_t>(i)].path);
  return paths;
}

OrderedJson tokens_of(const std::map<TextId, std::vector<int>>& tokens) {
  auto list = OrderedJson::array();
  for (const auto& [text, positions] : tokens) list.push_back({{"text", text}, {"positions", positions}});
  return list;
}

OrderedJson control_json(const Data& data, const ControlReport& report) {
  constexpr const char* kStates[] = {"acts", "neutral", "disabled"};
  OrderedJson json{
      {"index", report.index}, {"title", report.title}, {"state", kStates[static_cast<int>(report.state)]}};
  if (!report.reason.empty()) json["reason"] = report.reason;
  json["pairs"] = report.pairs;
  json["calls"] = indices(report.calls);
  if (!report.skips.empty()) {
    json["skips"] = paths_of(data.skips, report.skips);
    json["network"] = {{"is", report.network}, {"work", report.work}};
  }
  if (!report.joints.empty()) json["joints"] = paths_of(data.joints, report.joints);
  if (!report.resnets.empty()) json["resnets"] = paths_of(data.resnets, report.resnets);
  json["layers"] = report.layers.empty() ? paths_of(data.sites, report.sites) : paths_of(data.layers, report.layers);
  if (report.texts) json["text_encoders"] = true;
  if (!report.layers.empty()) json["form"] = report.beside ? "beside" : "merged";
  if (!report.reads.empty()) json["reads"] = report.reads;
  if (!report.tokens.empty()) json["tokens"] = tokens_of(report.tokens);
  for (const auto& cells : report.region) {
    json["region"].push_back({{"height", cells.grid.height},
                              {"width", cells.grid.width},
                              {"touched", cells.touched},
                              {"whole", cells.whole},
                              {"mean", cells.mean}});
    if (!cells.of.empty()) json["region"].back()["of"] = cells.of;
  }
  for (const auto& [of, words] : report.follows) {
    json["follows"].push_back({{"words", words}});
    if (!of.empty()) json["follows"].back()["of"] = of;
  }
  return json;
}

OrderedJson texts_json(const Data& data) {
  auto texts = OrderedJson::array();
  for (const auto& spec : data.texts) {
    texts.push_back({{"prompt", spec.prompt}});
    if (spec.second) texts.back()["second"] = spec.second->text;
    if (spec.negative) texts.back()["negative"] = true;
    if (!spec.changes.empty()) texts.back()["changed"] = true;
    for (const auto& [begin, end, weight, breaks] : spec.stretches)
      texts.back()["weights"].push_back({spec.prompt.substr(begin, end - begin), weight});
    for (const auto& pick : spec.picks) texts.back()["picks"].push_back({pick.text, pick.position});
  }
  return texts;
}

OrderedJson rows_json(const StepPlan& plan) {
  auto rows = OrderedJson::array();
  if (plan.guided) rows.push_back({{"of", "negative"}});
  rows.push_back({{"of", "prompt"}});
  for (const auto& row : plan.further) {
    if (row.kind == FurtherRow::Kind::prompt)
      rows.push_back({{"of", "text"}, {"text", row.text}});
    else if (row.kind == FurtherRow::Kind::perturbed)
      rows.push_back({{"of", "perturbed"}, {"control", control_of(row.role)}});
    else
      rows.push_back({{"of", "without_picture"}});
    rows.back().update({{"scale", row.scale}, {"images", row.images}});
  }
  return rows;
}

/** What of it is asked for. */
OrderedJson shape_json(const GuidanceShape& shape) {
  OrderedJson json = OrderedJson::object();
  if (shape.tangential != 0) json["tangential"] = shape.tangential;
  if (shape.zero_star != 0) json["zero_star"] = shape.zero_star;
  if (shape.skim) json["skim"] = shape.skim->scale;
  if (const auto& to = shape.projection)
    json["projection"] = {{"parallel", to->parallel}, {"limit", to->limit}, {"momentum", to->momentum}};
  if (shape.bands) json["bands"] = {shape.bands->low, shape.bands->high};
  if (const auto& to = shape.threshold)
    json["threshold"] = {{"mimic", to->mimic}, {"percentile", to->percentile}, {"strength", to->strength}};
  if (shape.rescale) json["rescale"] = *shape.rescale;
  if (shape.nothing) json["nothing"] = true;
  return json;
}

OrderedJson call_json(const Step& call, const StepPlan& plan) {
  OrderedJson json{{"step", call.index},
                   {"first", call.first_evaluation},
                   {"progress", call.progress},
                   {"t", call.t},
                   {"sigma", call.sigma},
                   {"guidance", plan.guidance},
                   {"prompt", plan.text_of({0, kPrompt})},
                   {"negative", plan.negative},
                   {"rows", rows_json(plan)}};
  for (const auto& one : plan.blurred)
    json["blurred"].push_back({{"control", one.control}, {"scale", one.scale}, {"images", one.images}});
  if (const auto shape = shape_json(plan.shape); !shape.empty()) json["shape"] = shape;
  return json;
}

/** By image, the text that is its prompt. */
OrderedJson prompts_json(const Data& data) {
  auto prompts = OrderedJson::array();
  for (int image = 0; image < data.batch && !data.steps.empty(); ++image)
    prompts.push_back(data.steps.front().text_of({image, kPrompt}));
  return prompts;
}

}  // namespace

std::string explain_json(const Program& program) {
  const auto& data = program.data();
  OrderedJson json{{"width", data.image_width}, {"height", data.image_height}, {"images", data.batch}};
  json["texts"] = texts_json(data);
  json["prompts"] = prompts_json(data);
  json["calls"] = OrderedJson::array();
  for (size_t i = 0; i < data.calls.size(); ++i) json["calls"].push_back(call_json(data.calls[i], data.steps[i]));
  json["controls"] = OrderedJson::array();
  for (const auto& report : data.reports) json["controls"].push_back(control_json(data, report));
  json["blocks"] = OrderedJson::array();
  for (const auto& row : block_rows(data))
    json["blocks"].push_back({{"block", row.name},
                              {"height", row.grid.height},
                              {"width", row.grid.width},
                              {"cross", row.cross},
                              {"self", row.self},
                              {"acting", row.acting}});
  json["captures"] = OrderedJson::array();
  for (const auto& spec : data.captures) {
    if (!spec.live.empty()) continue;
    json["captures"].push_back(
        {{"name", spec.name},
         {"what", name_of(spec.what)},
         {"tokens", tokens_of(spec.positions)},
         {"layers", spec.resnets.empty() ? paths_of(data.sites, spec.sites) : paths_of(data.resnets, spec.resnets)},
         {"calls", indices(spec.calls)}});
  }
  json["notes"] = data.notes;
  return json.dump(2, ' ', false, OrderedJson::error_handler_t::replace);
}

}  // namespace corepulse::control
