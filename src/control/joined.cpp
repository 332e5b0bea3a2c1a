#include "control/joined.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::control {
namespace {

bool has(const JoinedRun& run, const Row& row) {
  return row.image >= run.first && row.image < run.first + run.images;
}

void rename(const JoinedRun& run, Source& source) {
  if (source.kind == Source::Kind::text) source.id = run.texts.at(static_cast<size_t>(source.id));
  if (source.kind == Source::Kind::image) source.id += run.first;
  if (source.kind == Source::Kind::recording || source.pictured())
    fail(ErrorCode::internal, "control", "a joined run reads a recording or a picture");
}

void rename(const JoinedRun& run, std::vector<Reading>& readings) {
  for (auto& reading : readings) {
    if (reading.function >= 0) fail(ErrorCode::internal, "control", "a joined run has a function");
    for (auto* sources : {&reading.sources, &reading.values})
      for (auto& source : *sources) rename(run, source);
    for (auto* source : {&reading.query, &reading.align})
      if (*source) rename(run, **source);
  }
}

}  // namespace

AttentionPlan Joined::plan(const Site& site, const Step& step) const {
  AttentionPlan all;
  all.rows.resize(step.rows.size());
  size_t found = 0;
  for (const auto& run : runs_) {
    auto own = step;
    own.rows.clear();
    std::vector<size_t> places;
    for (size_t r = 0; r < step.rows.size(); ++r) {
      if (!has(run, step.rows[r])) continue;
      own.rows.push_back({step.rows[r].image - run.first, step.rows[r].role});
      places.push_back(r);
    }
    if (places.empty()) continue;
    auto plan = run.control.plan(site, own);
    if (!plan.captures.empty() || plan.looks) fail(ErrorCode::internal, "control", "a joined run has captures");
    if (!plan.finishes.empty()) all.finishes.resize(step.rows.size());
    if (!plan.orders.empty()) all.orders.resize(step.rows.size());
    for (size_t i = 0; i < places.size(); ++i) {
      rename(run, plan.rows[i]);
      all.rows[places[i]] = std::move(plan.rows[i]);
      if (!plan.orders.empty()) all.orders[places[i]] = plan.orders[i];
      if (plan.finishes.empty()) continue;
      for (auto& finish : plan.finishes[i]) rename(run, finish.against);
      all.finishes[places[i]] = std::move(plan.finishes[i]);
    }
    found += places.size();
  }
  if (found != step.rows.size()) fail(ErrorCode::internal, "control", "a row of a joined call belongs to no run");
  return all;
}

}  // namespace corepulse::control
