#include "control/program/report.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/program/besides/live.h"
#include "control/quote.h"
#include "control/readings/token_edit.h"
#include "control/recipe/check.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostPrompts = 6;  // shown in an error message

[[noreturn]] void refuse_idle(const Placed& item, const Outcome& outcome, const TextTable& all) {
  std::string texts;
  size_t n = 0;
  for (const int text : outcome.tried)
    if (++n <= kMostPrompts) texts += (texts.empty() ? "" : ", ") + quote(all.prompt(text));
  if (n > kMostPrompts) texts += fmt::format(" and {} more", n - kMostPrompts);
  const std::string cut =
      outcome.cut ? "; it is in a prompt, but cut off where the text encoder ends: shorten the prompt" : "";
  fail(ErrorCode::invalid_request, item.path, item.effect->never(texts) + cut);
}

/** ".target" without its point. */
std::string field_of(const std::string& path) {
  return path.substr(std::min<size_t>(1, path.size()));
}

std::vector<ControlReport::Cells> cells_of(const Region& region, const std::string& path, const Placed& item,
                                           Context& context) {
  std::vector<ControlReport::Cells> all;
  for (const auto& grid : context.grids_of(item.sites)) {
    const auto& mask = context.tables.masks.at(region, grid, item.path + path);
    ControlReport::Cells cells{.grid = grid, .of = field_of(path)};
    for (int i = 0; i < grid.tokens(); ++i) {
      const double v = mask.values[mask.pixels > 1 ? i : 0];
      cells.touched += v > 0, cells.whole += v == 1, cells.mean += v / grid.tokens();
    }
    all.push_back(cells);
  }
  return all;
}

std::string why_neutral(const Placed& item) {
  const bool off =
      std::all_of(item.numbers.begin(), item.numbers.end(), [](const auto& numbers) { return numbers[0] == 0; });
  return off && !item.role ? "its strength is 0" : item.effect->neutral();
}

ControlReport report_on(const Placed& item, const Outcome& outcome, Context& context) {
  ControlReport report;
  report.sites.assign(context.inputs.sites.size(), false);
  report.calls.assign(context.inputs.calls.size(), false);
  report.state = outcome.changed ? ControlReport::State::acts : ControlReport::State::neutral;
  if (!outcome.changed) report.reason = why_neutral(item);
  report.reads = item.effect->reads();
  auto& texts = context.tables.texts;
  for (const int text : outcome.texts)
    if (const auto id = texts.id(text); id >= 0 && item.effect->tokens())
      report.tokens[id] = texts.find(text, *item.effect->tokens()).positions;
  const auto add = [&](const Region& region, const std::string& path) {
    if (is_live(region)) return report.follows.push_back({field_of(path), looks_of(region)});
    const auto cells = cells_of(region, path, item, context);
    report.region.insert(report.region.end(), cells.begin(), cells.end());
  };
  if (item.control->region) add(*item.control->region, "");
  for (const auto& [region, path] : item.effect->regions()) add(*region, path);
  return report;
}

ControlReport report_on(const CaptureSpec& spec) {
  const auto count = [](const std::vector<bool>& bits) {
    return static_cast<int>(std::count(bits.begin(), bits.end(), true));
  };
  const bool features = spec.what == CaptureSpec::What::features;
  return {.sites = features ? std::vector<bool>() : spec.sites,
          .calls = spec.calls,
          .resnets = spec.resnets,
          .pairs = count(features ? spec.resnets : spec.sites) * count(spec.calls),
          .tokens = spec.positions};
}

}  // namespace

std::vector<CaptureSpec> with_positions(std::vector<CaptureSpec> captures, Context& context) {
  auto& texts = context.tables.texts;
  for (auto& spec : captures) {
    if (spec.what != CaptureSpec::What::map) continue;
    bool cut = false;
    for (TextId id = 0; id < static_cast<TextId>(texts.specs().size()); ++id) {
      const auto& found = texts.find(texts.number(id), spec.tokens);
      cut |= found.cut;
      if (!found.positions.empty()) spec.positions[id] = found.positions;
    }
    if (spec.positions.empty())
      fail(ErrorCode::invalid_request, spec.path,
           phrase_not_found(spec.tokens, quote(context.inputs.prompt)) +
               (cut ? "; it is cut off where the text encoder ends" : ""));
  }
  return captures;
}

std::vector<ControlReport> report(std::vector<ControlReport> reports, const Placement& placement,
                                  const Composition& composition, Context& context) {
  for (size_t i = 0; i < placement.placed.size(); ++i) {
    const auto& item = placement.placed[i];
    const auto& outcome = composition.outcomes[i];
    // While the run goes on a region may be nowhere for a while.
    if (!outcome.matched && !context.inputs.live) refuse_idle(item, outcome, context.tables.texts);
    if (item.index >= 0) reports[item.index] = report_on(item, outcome, context);
  }
  for (const auto& spec : placement.captures) reports[spec.control] = report_on(spec);
  for (const auto& site : context.inputs.sites)
    for (int call = 0; call < static_cast<int>(context.inputs.calls.size()); ++call) {
      if (!composition.table.has(call)) continue;
      for (const int index : composition.table.at(site, call).acting) {
        reports[index].sites[site.index] = reports[index].calls[call] = true;
        ++reports[index].pairs;
      }
    }
  for (size_t i = 0; i < reports.size(); ++i) {
    const auto& control = context.controls[i];
    reports[i].index = static_cast<int>(i), reports[i].title = title(control);
    if (!control.enabled) reports[i].state = ControlReport::State::disabled;
  }
  return reports;
}

std::vector<std::string> cut_texts(const TextTable& texts) {
  std::vector<std::string> lines;
  // The prompt and the negative prompt are the request's own: who made it reports on them.
  for (TextId id = 2; id < static_cast<TextId>(texts.specs().size()); ++id) {
    const auto& tokens = texts.tokens(texts.number(id));
    const auto kept = tokens.positions.size();
    if (kept == tokens.tokens.size()) continue;
    const auto& prompt = texts.specs()[id].prompt;
    lines.push_back(fmt::format("the text {} is longer than {} tokens; not read: {}", quote(prompt), kept,
                                quote(prompt.substr(tokens.tokens[kept].begin))));
  }
  return lines;
}

std::vector<std::string> neutral_controls(const std::vector<ControlReport>& reports, const Context& context) {
  std::vector<std::string> lines;
  for (const auto& report : reports)
    if (report.state == ControlReport::State::neutral)
      lines.push_back(
          fmt::format("{}, {}, changes nothing: {}", context.path_of(report.index), report.title, report.reason));
  return lines;
}

}  // namespace corepulse::control
