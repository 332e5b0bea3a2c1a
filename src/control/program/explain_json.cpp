// The explanation for programs.
#include <nlohmann/json.hpp>

#include "control/program/explain.h"
#include "control/program/explain_table.h"
#include "control/program/selector.h"

namespace corepulse::control {
namespace {

using Json = nlohmann::ordered_json;
using Data = Program::Data;

std::vector<int> indices(const std::vector<bool>& bits) {
  std::vector<int> all;
  for (size_t i = 0; i < bits.size(); ++i)
    if (bits[i]) all.push_back(static_cast<int>(i));
  return all;
}

Json sites_of(const Data& data, const std::vector<bool>& chosen) {
  auto paths = Json::array();
  for (const int i : indices(chosen)) paths.push_back(data.sites[i].path);
  return paths;
}

Json tokens_of(const std::map<TextId, std::vector<int>>& tokens) {
  auto list = Json::array();
  for (const auto& [text, positions] : tokens) list.push_back({{"text", text}, {"positions", positions}});
  return list;
}

Json control_json(const Data& data, const ControlReport& report) {
  constexpr const char* kStates[] = {"acts", "neutral", "disabled"};
  Json json{{"index", report.index}, {"title", report.title}, {"state", kStates[static_cast<int>(report.state)]}};
  if (!report.reason.empty()) json["reason"] = report.reason;
  json["pairs"] = report.pairs;
  json["calls"] = indices(report.calls);
  json["layers"] = sites_of(data, report.sites);
  if (!report.tokens.empty()) json["tokens"] = tokens_of(report.tokens);
  for (const auto& cells : report.region) {
    json["region"].push_back({{"height", cells.grid.height},
                              {"width", cells.grid.width},
                              {"touched", cells.touched},
                              {"whole", cells.whole},
                              {"mean", cells.mean}});
    if (!cells.of.empty()) json["region"].back()["of"] = cells.of;
  }
  return json;
}

Json texts_json(const Data& data) {
  auto texts = Json::array();
  for (const auto& spec : data.texts) {
    texts.push_back({{"prompt", spec.prompt}});
    if (spec.negative) texts.back()["negative"] = true;
    for (const auto& pick : spec.picks) texts.back()["picks"].push_back({pick.text, pick.position});
  }
  return texts;
}

}  // namespace

std::string explain_json(const Program& program) {
  const auto& data = program.data();
  Json json{{"width", data.image_width}, {"height", data.image_height}, {"images", data.batch}};
  json["texts"] = texts_json(data);
  json["calls"] = Json::array();
  for (size_t i = 0; i < data.calls.size(); ++i) {
    const auto& call = data.calls[i];
    json["calls"].push_back({{"step", call.index},
                             {"first", call.first_evaluation},
                             {"progress", call.progress},
                             {"t", call.t},
                             {"sigma", call.sigma},
                             {"guidance", data.steps[i].guidance}});
  }
  json["controls"] = Json::array();
  for (const auto& report : data.reports) json["controls"].push_back(control_json(data, report));
  json["blocks"] = Json::array();
  for (const auto& row : block_rows(data))
    json["blocks"].push_back({{"block", row.name},
                              {"height", row.grid.height},
                              {"width", row.grid.width},
                              {"cross", row.cross},
                              {"self", row.self},
                              {"acting", row.acting}});
  json["captures"] = Json::array();
  for (const auto& spec : data.captures)
    json["captures"].push_back({{"name", spec.name},
                                {"what", spec.what == Capture::What::map ? "map" : "keys"},
                                {"tokens", tokens_of(spec.positions)},
                                {"layers", sites_of(data, spec.sites)},
                                {"calls", indices(spec.calls)}});
  json["notes"] = data.notes;
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace corepulse::control
