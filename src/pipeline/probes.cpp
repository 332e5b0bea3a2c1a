#include "pipeline/probes.h"

#include <algorithm>
#include <fmt/format.h>

#include "attention/keys.h"
#include "base/fail.h"
#include "control/program/selector.h"
#include "control/program/window.h"
#include "kernels/stop.h"
#include "pipeline/callback.h"
#include "unet/sites.h"

namespace corepulse::pipeline {
namespace {

using attention::Point;

Point point_of(ProbePoint point) {
  switch (point) {
    case ProbePoint::attention_input:
      return Point::input;
    case ProbePoint::attention_map:
      return Point::map;
    case ProbePoint::attention_output:
      return Point::output;
    case ProbePoint::resnet_output:
      return Point::resnet;
    case ProbePoint::block_output:
      return Point::block;
    case ProbePoint::prediction:
      return Point::prediction;
    case ProbePoint::guided:
      return Point::guided;
  }
  fail(ErrorCode::internal, "probes", "a point that there is not");
}

bool of_layers(Point point) {
  return point == Point::input || point == Point::map || point == Point::output;
}

/** By place of its point, whether the probe looks there. @throws Error{invalid_request}. */
std::vector<bool> places_of(const Probe& probe, const ProbedPass& pass, const std::string& name) {
  const auto point = point_of(probe.point);
  const auto chosen = [&](const std::vector<control::Site>& sites, AttentionKind kind) {
    const control::SiteTable table(sites, pass.latent_height, pass.latent_width);
    return control::select(table, probe.where, kind, name + ".where");
  };
  if (of_layers(point)) return chosen(unet::sites(pass.unet), probe.attention);
  if (point == Point::resnet) return chosen(unet::resnets(pass.unet), AttentionKind::both);
  if (point == Point::block) return chosen(unet::blocks(pass.unet), AttentionKind::both);
  if (!probe.where.empty())
    fail(ErrorCode::invalid_request, name + ".where",
         "predictions are the whole network's; expected none, or a probe of block_output");
  return {true};
}

/** Whether the probe is given a row. */
bool takes(const Probe& probe, const control::Row& row) {
  return probe.rows == Rows::both || (probe.rows == Rows::cond) == row.conditional();
}

ProbeRow probe_row(const control::Row& row) {
  using Side = ProbeRow::Side;
  return {row.image, row.role == control::kNegative ? Side::negative
                     : row.role == control::kPrompt ? Side::prompt
                                                    : Side::further};
}

mx::array called(const Probe& probe, mx::array x, const ProbeView& view) {
  x.eval();
  kernels::check_stop();  // before an unfinished array is shown
  auto answer = call_back(probe.function, x, view);
  if (answer.id() == x.id()) return answer;
  if (answer.shape() != x.shape())
    fail(ErrorCode::invalid_request, "probes",
         fmt::format("the one at {} gave an array {}; expected {}, what it was given",
                     view.site.path.empty() ? "the prediction" : view.site.path, to_string(answer.shape()),
                     to_string(x.shape())));
  return mx::astype(answer, x.dtype());
}

/** x with `part` in the place of these of its rows. */
mx::array with_rows(const mx::array& x, const std::vector<int>& rows, const mx::array& part) {
  std::vector<mx::array> all;
  for (int r = 0; r < x.shape(0); ++r) {
    const auto place = std::find(rows.begin(), rows.end(), r);
    all.push_back(place == rows.end() ? attention::row_of(x, r)
                                      : attention::row_of(part, static_cast<int>(place - rows.begin())));
  }
  return mx::concatenate(all, 0);
}

}  // namespace

void check_probes(const ProbeList& probes, const ProbedPass& pass, const std::vector<control::Step>& calls) {
  for (size_t i = 0; i < probes.size(); ++i) {
    const auto name = fmt::format("probes[{}]", i);
    if (!probes[i] || !probes[i]->function) fail(ErrorCode::invalid_request, name, "it is empty; expected a function");
    places_of(*probes[i], pass, name);
    control::active_calls(probes[i]->when, calls, name + ".when");
  }
}

Probes::Probes(const ProbeList& probes, const ProbedPass& pass)
    : sites_(unet::sites(pass.unet)),
      resnets_(unet::resnets(pass.unet)),
      blocks_(unet::blocks(pass.unet)),
      height_(pass.latent_height),
      width_(pass.latent_width),
      number_(pass.number) {
  for (const auto& probe : probes)
    entries_.push_back({probe.get(), point_of(probe->point), places_of(*probe, pass, "probes")});
}

bool Probes::acts(const Entry& entry, Point point, int place, const control::Step& step) const {
  return entry.point == point && entry.places[static_cast<size_t>(place)] && control::inside(entry.probe->when, step);
}

bool Probes::wants(Point point, int place, const control::Step& step) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return acts(entry, point, place, step); });
}

ProbeView Probes::view(const Entry& entry, int place, const control::Step& step) const {
  ProbeView view{.point = entry.probe->point,
                 .site = {"", false, 0, height_, width_},
                 .block = "",
                 .step = {step.index, step.count, step.progress, step.t, step.sigma, step.first_evaluation},
                 .pass = number_,
                 .rows = {}};
  if (entry.point == Point::prediction || entry.point == Point::guided) return view;
  const auto& places = entry.point == Point::resnet ? resnets_ : entry.point == Point::block ? blocks_ : sites_;
  const auto& site = places[static_cast<size_t>(place)];
  const auto grid = control::grid(site, height_, width_);
  view.site = {site.path, site.cross, site.heads, grid.height, grid.width};
  view.block = control::block_name(site);
  return view;
}

mx::array Probes::see(Point point, int place, const control::Step& step, const mx::array& x) {
  auto current = x;
  for (const auto& entry : entries_) {
    if (!acts(entry, point, place, step)) continue;
    auto at = view(entry, place, step);
    std::vector<int> rows;
    for (int r = 0; r < x.shape(0); ++r) {
      const auto& row = step.rows[static_cast<size_t>(r)];
      if (takes(*entry.probe, row)) rows.push_back(r), at.rows.push_back(probe_row(row));
    }
    if (rows.empty()) continue;
    const bool whole = static_cast<int>(rows.size()) == x.shape(0);
    const auto given = whole ? current : attention::rows_of(current, rows);
    const auto answer = called(*entry.probe, given, at);
    if (answer.id() != given.id()) current = whole ? answer : with_rows(current, rows, answer);
  }
  return current;
}

mx::array Probes::see_map(int place, const control::Step& step, int row, int reading, const mx::array& map) {
  auto current = map;
  const auto& whose = step.rows[static_cast<size_t>(row)];
  for (const auto& entry : entries_) {
    if (!acts(entry, Point::map, place, step) || !takes(*entry.probe, whose)) continue;
    auto at = view(entry, place, step);
    at.rows = {probe_row(whose)}, at.reading = reading;
    current = called(*entry.probe, current, at);
  }
  return current;
}

}  // namespace corepulse::pipeline
