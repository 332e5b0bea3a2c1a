// Which block decides what, when: a sweep for any model.

#include <algorithm>
#include <fmt/format.h>

#include "corepulse/sweep.h"

#include "base/fail.h"
#include "io/json.h"

namespace corepulse {

namespace {

/** The parts of a run, by noise level: first the layout, then what things look like, then their surface. */
constexpr double kStructure = 15, kFeatures = 3, kDetail = 0.5;

std::string window_text(double from, double to) {
  return io::Json{{"sigma", {from, to}}}.dump();
}

}  // namespace

Sweep role_map(const ModelInfo& model, const Recipe& recipe, const std::string& other) {
  auto base = recipe;
  base.controls.push_back(inject(other));
  const auto field = [&](const char* name) { return fmt::format("controls[{}].{}", recipe.controls.size(), name); };
  SweepAxis where{"block", {{field("where"), {}}}, {}};
  for (const auto& block : model.blocks)
    if (block.cross_layers > 0) where.fields[0].values.push_back(io::Json(block.id).dump());
  if (where.fields[0].values.empty())
    fail(ErrorCode::unsupported_model, "roles",
         "no block of this model reads a text; expected one with cross-attention");
  where.fields[0].values.push_back(io::Json("all").dump());
  const double most = std::max(kStructure, model.sigma_max);
  SweepAxis when{
      "window",
      {{field("when"),
        {window_text(most, kFeatures), window_text(kFeatures, kDetail), window_text(kDetail, 0), "\"always\""}}},
      {fmt::format("structure: sigma {:g}..{:g}", most, kFeatures),
       fmt::format("features: sigma {:g}..{:g}", kFeatures, kDetail), fmt::format("detail: sigma {:g}..0", kDetail),
       "whole run"}};
  const auto title =
      fmt::format("\"{}\", where \"{}\" is read in one block, in a part of the run", recipe.prompt, other);
  return {to_json(base, -1), {std::move(where), std::move(when)}, "", title};
}

}  // namespace corepulse
