// After composing: controls that did nothing are errors or neutral; the others are accounted for.
#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/effects/check.h"
#include "control/effects/token_edit.h"
#include "control/program/resolver.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostPrompts = 6;  // shown in an error message

}  // namespace

void Resolver::refuse_idle(const Placed& item) const {
  std::string texts;
  size_t n = 0;
  for (const int text : item.tried)
    if (++n <= kMostPrompts) texts += (texts.empty() ? "" : ", ") + quote(tables_->texts.prompt(text));
  if (n > kMostPrompts) texts += fmt::format(" and {} more", n - kMostPrompts);
  const std::string cut =
      item.cut ? "; it is in a prompt, but cut off where the text encoder ends: shorten the prompt" : "";
  fail(ErrorCode::invalid_request, item.path, item.effect->never(texts) + cut);
}

void Resolver::report() {
  for (const auto& item : placed_) {
    if (!item.matched) refuse_idle(item);
    if (item.index < 0) continue;
    auto& report = data_->reports[item.index];
    report.sites.assign(inputs_.sites.size(), false);
    report.calls.assign(inputs_.calls.size(), false);
    report.state = item.changed ? ControlReport::State::acts : ControlReport::State::neutral;
    if (!item.changed) {
      const bool off =
          std::all_of(item.numbers.begin(), item.numbers.end(), [](const auto& numbers) { return numbers[0] == 0; });
      report.reason = off ? "its strength is 0" : item.effect->neutral();
    }
    for (const int text : item.texts)
      if (const auto id = tables_->texts.id(text); id >= 0)
        std::visit(
            [&](const auto& effect) {
              if constexpr (requires { effect.tokens; })
                report.tokens[id] = tables_->texts.find(text, effect.tokens).positions;
            },
            item.control->effect);
    if (item.control->region) report_region(*item.control->region, "", item, report);
    for (const auto& [region, path] : item.effect->regions()) report_region(*region, path, item, report);
  }
  for (const auto& site : inputs_.sites)
    for (size_t call = 0; call < inputs_.calls.size(); ++call)
      for (const int index : data_->plan(site, static_cast<int>(call)).acting) {
        auto& report = data_->reports[index];
        report.sites[site.index] = report.calls[call] = true;
        ++report.pairs;
      }
}

void Resolver::report_region(const Region& region, const std::string& path, const Placed& item, ControlReport& report) {
  for (const auto& grid : grids_of(item.sites)) {
    const auto& mask = tables_->masks.at(region, grid, item.path + path);
    ControlReport::Cells cells{.grid = grid, .of = path.substr(std::min<size_t>(1, path.size()))};
    for (int i = 0; i < grid.tokens(); ++i) {
      const double v = mask.values[mask.pixels > 1 ? i : 0];
      cells.touched += v > 0, cells.whole += v == 1, cells.mean += v / grid.tokens();
    }
    report.region.push_back(cells);
  }
}

void Resolver::note() {
  const auto& texts = tables_->texts;
  // The prompt and the negative prompt are the request's own: who made it reports on them.
  for (TextId id = 2; id < static_cast<TextId>(texts.specs().size()); ++id) {
    const auto& tokens = texts.tokens(texts.number(id));
    const auto kept = static_cast<size_t>(tokens.kept);
    if (kept == tokens.tokens.size()) continue;
    const auto& prompt = texts.specs()[id].prompt;
    data_->cut_texts.push_back(fmt::format("the text {} is longer than {} tokens; not read: {}", quote(prompt), kept,
                                           quote(prompt.substr(tokens.tokens[kept].begin))));
  }
  data_->notes = data_->cut_texts;
  for (const auto& report : data_->reports)
    if (report.state == ControlReport::State::neutral)
      data_->notes.push_back(
          fmt::format("{}, {}, changes nothing: {}", path_of(report.index), report.title, report.reason));
}

void Resolver::finish_captures() {
  size_t next = 0;
  for (size_t i = 0; i < controls_.size(); ++i) {
    const auto* capture = std::get_if<Capture>(&controls_[i].effect);
    if (!capture || !controls_[i].enabled) continue;
    auto& spec = data_->captures[next++];
    auto& report = data_->reports[i];
    report.sites = spec.sites, report.calls = spec.calls;
    const auto count = [](const std::vector<bool>& bits) {
      return static_cast<int>(std::count(bits.begin(), bits.end(), true));
    };
    report.pairs = count(spec.sites) * count(spec.calls);
    if (capture->what == Capture::What::keys) continue;
    auto& texts = tables_->texts;
    bool cut = false;
    for (TextId id = 0; id < static_cast<TextId>(texts.specs().size()); ++id) {
      const auto& found = texts.find(texts.number(id), capture->tokens);
      cut |= found.cut;
      if (!found.positions.empty()) spec.positions[id] = found.positions;
    }
    report.tokens = spec.positions;
    if (spec.positions.empty())
      fail(ErrorCode::invalid_request, path_of(static_cast<int>(i)),
           phrase_not_found(capture->tokens, quote(inputs_.prompt)) +
               (cut ? "; it is cut off where the text encoder ends" : ""));
  }
}

}  // namespace corepulse::control
