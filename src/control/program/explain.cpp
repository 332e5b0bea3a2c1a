#include "control/program/explain.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <functional>
#include <map>

#include "control/program/explain_table.h"
#include "control/program/selector.h"
#include "control/program/step_inputs.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

using Data = Program::Data;
using State = ControlReport::State;

int count(const std::vector<bool>& bits) {
  return static_cast<int>(std::count(bits.begin(), bits.end(), true));
}

struct BlockCount {
  std::string name;
  int acting = 0, all = 0;
};

// ": middle:0, output:0 (1 of 3)"
std::string list(const std::vector<BlockCount>& blocks) {
  std::string text;
  const char* comma = ": ";
  for (const auto& block : blocks) {
    if (block.acting == 0) continue;
    text += comma + block.name, comma = ", ";
    if (block.acting < block.all) text += fmt::format(" ({} of {})", block.acting, block.all);
  }
  return text;
}

// "26 of 94 layers: input:0 (5 of 12), middle:0", of every sort.
std::string places_of(const std::vector<Site>& layers, const std::vector<bool>& chosen, const char* what) {
  std::vector<BlockCount> blocks;
  for (size_t i = 0; i < layers.size(); ++i) {
    const auto& layer = layers[i];
    const auto name = layer.kind == BlockKind::none ? layer.path.substr(0, layer.path.find('.')) : block_name(layer);
    auto block = std::find_if(blocks.begin(), blocks.end(), [&](const auto& b) { return b.name == name; });
    if (block == blocks.end()) block = blocks.insert(block, {name});
    ++block->all, block->acting += chosen[i];
  }
  return fmt::format("{} of {} {}{}", count(chosen), layers.size(), what, list(blocks));
}

// "26 of 94 layers: input:0 (5 of 12), middle:0, and text encoders"
std::string changed_places(const Data& data, const ControlReport& report) {
  std::string text;
  if (count(report.layers) > 0) text = places_of(data.layers, report.layers, "layers");
  return text + (report.texts ? text.empty() ? "text encoders" : ", and text encoders" : "");
}

// "4 of 16 cross-attention layers: middle:0, output:0 (1 of 3)"
std::string places(const Data& data, const ControlReport& report) {
  bool cross = false, self = false;
  for (const auto& site : data.sites)
    if (report.sites[site.index]) (site.cross ? cross : self) = true;
  std::vector<BlockCount> blocks;
  int all = 0;
  for (const auto& site : data.sites) {
    if (!(site.cross ? cross : self)) continue;
    if (blocks.empty() || blocks.back().name != block_name(site)) blocks.push_back({block_name(site)});
    ++blocks.back().all, ++all;
    blocks.back().acting += report.sites[site.index];
  }
  return fmt::format("{} of {}{} layers{}", count(report.sites), all,
                     cross && self ? ""
                     : cross       ? " cross-attention"
                                   : " self-attention",
                     list(blocks));
}

std::vector<bool> steps_of(const Data& data, const std::vector<bool>& calls) {
  std::vector<bool> steps(data.step_count());
  for (size_t i = 0; i < calls.size(); ++i)
    if (calls[i]) steps[data.calls[i].index] = true;
  return steps;
}

/** "negative, prompt, perturbed by [2]" */
std::string rows_text(const Data& data, const StepPlan& plan) {
  std::string text = plan.guided ? "negative, prompt" : "prompt";
  for (const auto& row : plan.further) {
    text += row.kind == FurtherRow::Kind::prompt      ? fmt::format(", text {}", row.text)
            : row.kind == FurtherRow::Kind::perturbed ? fmt::format(", perturbed by [{}]", control_of(row.role))
                                                      : ", negative without the picture";
    if (row.images.size() < static_cast<size_t>(data.batch))
      text += fmt::format(" (image{} {})", row.images.size() > 1 ? "s" : "", fmt::join(row.images, ", "));
  }
  for (const auto& call : plan.blurred)
    text += fmt::format("; then the {} again, blurred by [{}]", plan.guided ? "negative" : "prompt", call.control);
  return text;
}

/** What a call consists of, in a line for each part of the run in which that stays. */
std::string rows_table(const Data& data) {
  struct Part {
    std::string text;
    size_t rows;
    std::vector<bool> steps;
  };
  std::vector<Part> parts;
  for (size_t call = 0; call < data.calls.size(); ++call) {
    const auto& plan = data.steps[call];
    auto text = rows_text(data, plan);
    auto part = std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return p.text == text; });
    if (part == parts.end())
      part = parts.insert(part, {std::move(text), 1 + plan.guided + plan.further.size(),
                                 std::vector<bool>(static_cast<size_t>(data.step_count()))});
    part->steps[data.calls[call].index] = true;
  }
  std::string text;
  for (const auto& part : parts)
    text += fmt::format("{} row{} a call{}{}: {}\n", part.rows, part.rows > 1 ? "s" : "",
                        data.batch > 1 ? " for each image" : "",
                        parts.size() > 1 ? fmt::format(" in steps {}", ranges(indices(part.steps))) : "", part.text);
  return text;
}

/** " (prompt of image 1)", where images have their own. */
std::string reader_of(const Data& data, TextId text) {
  if (data.steps.empty()) return "";  // another model makes all calls
  const auto& prompts = data.steps.front().prompts;
  std::vector<int> images;
  for (size_t i = 0; i < prompts.size(); ++i)
    if (prompts[i] == text) images.push_back(static_cast<int>(i));
  if (images.empty()) return "";
  return fmt::format(" (prompt of image{} {})", images.size() > 1 ? "s" : "", fmt::join(images, ", "));
}

/** How what a control adds to weights is computed, and what that costs. */
std::string form_text(const ControlReport& report) {
  if (std::find(report.layers.begin(), report.layers.end(), true) == report.layers.end()) return "";
  if (!report.beside) return "    merged into the weights: a call takes as long as without\n";
  if (report.rank > 0)
    return fmt::format("    beside the weights: products of rank {} at each of these layers and calls\n", report.rank);
  return "    beside the weights, as products of no low rank: these layers take twice as long at these calls\n";
}

/** What computes the residuals, and what that costs. */
std::string network_text(const ControlReport& report) {
  if (report.network.empty()) return "";
  if (report.work == 0)
    return fmt::format("    a {} beside the UNet: computed once in the run, added in each of these calls\n",
                       report.network);
  return fmt::format("    a {} beside the UNet: {:.0f} % of the UNet's own work in each of these calls\n",
                     report.network, std::max(1., 100 * report.work));
}

std::string control_text(const Data& data, const ControlReport& report) {
  auto text = fmt::format("[{}] {}\n", report.index, report.title);
  if (report.state == State::disabled) return text + "    switched off\n";
  if (report.state == State::neutral) return text + fmt::format("    changes nothing, left out: {}\n", report.reason);
  const auto steps = steps_of(data, report.calls);
  text += fmt::format("    acts on {} of {} steps ({})", count(steps), steps.size(), ranges(indices(steps)));
  if (!report.sites.empty()) text += ", " + places(data, report);
  if (!report.layers.empty()) text += ", " + changed_places(data, report);
  if (!report.skips.empty()) text += ", " + places_of(data.skips, report.skips, "skips");
  if (!report.joints.empty()) text += ", " + places_of(data.joints, report.joints, "places where features meet");
  if (!report.resnets.empty()) text += ", " + places_of(data.resnets, report.resnets, "resnets");
  text += "\n" + form_text(report) + network_text(report);
  if (!report.reads.empty()) text += fmt::format("    reads {}\n", report.reads);
  for (const auto& [id, positions] : report.tokens)
    text += fmt::format("    tokens {} of text {} {}\n", fmt::join(positions, ", "), id, quote(data.texts[id].prompt));
  for (const auto& cells : report.region)
    text += fmt::format("    {} on the {}x{} grid: {} of {} cells, {} of them whole, mean {:.4f}\n",
                        cells.of.empty() ? "region" : cells.of, cells.grid.width, cells.grid.height, cells.touched,
                        cells.grid.tokens(), cells.whole, cells.mean);
  for (const auto& [of, words] : report.follows)
    text += fmt::format("    {} follows where the steps before look at {}\n", of.empty() ? "region" : of,
                        fmt::join(words, ", "));
  return text;
}

// Calls at which the same controls act in every block are one column.
std::vector<std::pair<size_t, size_t>> columns(const std::vector<BlockRow>& rows, size_t calls) {
  std::vector<std::pair<size_t, size_t>> all;
  for (size_t call = 0; call < calls; ++call) {
    const bool same = call > 0 && std::all_of(rows.begin(), rows.end(), [&](const BlockRow& row) {
                        return row.acting[call] == row.acting[call - 1];
                      });
    if (same)
      all.back().second = call;
    else
      all.emplace_back(call, call);
  }
  return all;
}

std::string table(const Data& data) {
  const auto rows = block_rows(data);
  const auto ranges = columns(rows, data.calls.size());
  std::vector<std::vector<std::string>> lines;
  std::vector<std::string> steps{"step", "grid", "layers"}, sigmas{"sigma", "", ""};
  for (const auto& [first, last] : ranges) {
    const auto &a = data.calls[first], &b = data.calls[last];
    steps.push_back(a.index == b.index ? fmt::format("{}", a.index) : fmt::format("{}..{}", a.index, b.index));
    sigmas.push_back(first == last ? fmt::format("{:.3g}", a.sigma) : fmt::format("{:.3g}..{:.3g}", a.sigma, b.sigma));
  }
  lines = {steps, sigmas};
  for (const auto& row : rows) {
    lines.push_back(
        {row.name, fmt::format("{}x{}", row.grid.width, row.grid.height), fmt::format("{}+{}", row.cross, row.self)});
    for (const auto& [first, last] : ranges)
      lines.back().push_back(row.acting[first].empty() ? "." : fmt::format("{}", fmt::join(row.acting[first], ",")));
  }
  std::string text;
  for (const auto& line : lines) {
    std::string out;
    for (size_t c = 0; c < line.size(); ++c) {
      size_t width = 0;
      for (const auto& other : lines) width = std::max(width, other[c].size());
      out += fmt::format("{:<{}}", line[c], width + 2);
    }
    text += "  " + out.substr(0, out.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

// "  the prompt: text 0 in steps 0..2, text 2 in steps 3..9", where it changes.
std::string changing_text(const Data& data, const char* name, const std::function<TextId(const StepPlan&)>& text_of) {
  std::map<TextId, std::vector<bool>> calls;
  for (size_t i = 0; i < data.steps.size(); ++i) {
    auto& of_text = calls[text_of(data.steps[i])];
    of_text.resize(data.steps.size());
    of_text[i] = true;
  }
  if (calls.size() < 2) return "";
  std::string line;
  for (const auto& [id, at] : calls)
    line += fmt::format("{} text {} in steps {}", line.empty() ? "" : ",", id, ranges(indices(steps_of(data, at))));
  return fmt::format("  the {}:{}\n", name, line);
}

/** A capture's: it acts on nothing. */
bool watches(const Data& data, const ControlReport& report) {
  return std::any_of(data.captures.begin(), data.captures.end(),
                     [&](const CaptureSpec& spec) { return spec.control == report.index; });
}

/** Controls that change weights, skips or features, in the blocks in which they do. */
void add_blocks(const std::vector<Site>& layers, const std::vector<bool> ControlReport::* chosen, const Data& data,
                std::vector<BlockRow>& rows) {
  for (const auto& report : data.reports)
    for (size_t i = 0; i < (report.*chosen).size() && !watches(data, report); ++i) {
      if (!(report.*chosen)[i] || layers[i].kind == BlockKind::none || report.pairs == 0) continue;
      const auto name = block_name(layers[i]);
      const auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.name == name; });
      if (row == rows.end()) continue;  // without attention
      for (const int call : indices(report.calls)) row->acting[static_cast<size_t>(call)].insert(report.index);
    }
}

}  // namespace

std::vector<BlockRow> block_rows(const Data& data) {
  std::vector<BlockRow> rows;
  for (const auto& site : data.sites) {
    const auto name = block_name(site);
    auto row = std::find_if(rows.begin(), rows.end(), [&](const auto& r) { return r.name == name; });
    if (row == rows.end())
      row = rows.insert(row, {name, grid(site, data.latent_height, data.latent_width), 0, 0,
                              std::vector<std::set<int>>(data.calls.size())});
    ++(site.cross ? row->cross : row->self);
    for (size_t call = 0; call < data.calls.size(); ++call)
      for (const int i : data.table.at(site, static_cast<int>(call)).acting) row->acting[call].insert(i);
  }
  add_blocks(data.layers, &ControlReport::layers, data, rows);
  add_blocks(data.skips, &ControlReport::skips, data, rows);
  add_blocks(data.joints, &ControlReport::joints, data, rows);
  add_blocks(data.resnets, &ControlReport::resnets, data, rows);
  return rows;
}

std::string explain_text(const Program& program) {
  const auto& data = program.data();
  auto text = fmt::format("{}x{} pixels, {} steps, {} model calls, {} attention layers\n", data.image_width,
                          data.image_height, data.step_count(), data.calls.size(), data.sites.size());
  text += rows_table(data);
  text += "texts\n";
  for (size_t id = 0; id < data.texts.size(); ++id)
    text +=
        fmt::format("  {} {}{}{}{}\n", id, quote(data.texts[id].prompt),
                    data.texts[id].second ? ", to the second text encoder " + quote(data.texts[id].second->text) : "",
                    data.texts[id].negative           ? " (negative)"
                    : !data.texts[id].picks.empty()   ? " (some words only)"
                    : !data.texts[id].changes.empty() ? " (as text encoders that a LoRA changes read it)"
                                                      : "",
                    reader_of(data, static_cast<TextId>(id)));
  text += changing_text(data, "prompt", [](const StepPlan& plan) { return plan.text_of({0, kPrompt}); });
  text += changing_text(data, "negative prompt", [](const StepPlan& plan) { return plan.negative; });
  for (const auto& cut : data.cut_texts) text += "  " + cut + "\n";
  if (data.reports.empty()) return text + "no controls\n";
  text += "controls\n";
  for (const auto& report : data.reports) {
    auto lines = control_text(data, report);
    for (size_t i = 0; i < lines.size(); i = lines.find('\n', i) + 1) lines.insert(i, "  "), i += 2;
    text += lines;
  }
  return text + "which control acts where (numbers in brackets above; layers: cross+self)\n" + table(data);
}

}  // namespace corepulse::control
