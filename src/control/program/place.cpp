// Placing controls: which layers, which calls, which rows; and refusing those that have none.
#include <algorithm>
#include <fmt/format.h>

#include "control/effects/check.h"
#include "control/program/resolver.h"
#include "control/program/window.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostControls = 10000;

std::vector<Grid> all_grids(const ProgramInputs& inputs) {
  std::vector<Grid> grids;
  for (const auto& site : inputs.sites) {
    const auto g = grid(site, inputs.latent_height, inputs.latent_width);
    const bool known = std::any_of(grids.begin(), grids.end(),
                                   [&](const Grid& k) { return k.height == g.height && k.width == g.width; });
    if (!known) grids.push_back(g);
  }
  return grids;
}

}  // namespace

bool Placed::takes_image(int image) const {
  if (!control || control->images.empty()) return true;
  const auto& images = control->images;
  return std::find(images.begin(), images.end(), image) != images.end();
}

Resolver::Resolver(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs,
                   const ProgramOptions& options)
    : controls_(controls),
      inputs_(inputs),
      options_(options),
      budget_(options.work),
      site_table_(inputs.sites, inputs.latent_height, inputs.latent_width),
      tables_(new Tables{{inputs.tokenizer, inputs.prompt, inputs.negative_prompt},
                         {{inputs.image_height, inputs.image_width, inputs.picture}, all_grids(inputs), budget_},
                         inputs.recordings,
                         {}}) {
  if (controls.size() > kMostControls)
    refuse(options_.path, fmt::format("{} controls; expected at most {}", controls.size(), kMostControls));
  tables_->texts.adopt(options.texts);
  data_->sites = inputs.sites, data_->calls = inputs.calls, data_->batch = inputs.batch;
  data_->latent_height = inputs.latent_height, data_->latent_width = inputs.latent_width;
  data_->image_height = inputs.image_height, data_->image_width = inputs.image_width;
  for (size_t i = 0; i < inputs.calls.size(); ++i) {
    const auto step = static_cast<size_t>(inputs.calls[i].index);
    if (data_->calls_of_step.size() <= step) data_->calls_of_step.resize(step + 1);
    data_->calls_of_step[step].push_back(static_cast<int>(i));
  }
}

std::shared_ptr<const Program::Data> Resolver::operator()() {
  data_->reports.resize(controls_.size());
  step_inputs();
  place_all();
  classify_rows();
  classify_sites();
  compose_all();
  finish_captures();
  report();
  note();
  data_->texts = tables_->texts.specs();
  data_->functions = tables_->functions;
  return data_;
}

Program Program::resolve(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs,
                         const ProgramOptions& options) {
  return Program(Resolver(controls, inputs, options)());
}

std::vector<Grid> Resolver::grids_of(const std::vector<bool>& sites) const {
  std::vector<Site> chosen;
  for (size_t i = 0; i < sites.size(); ++i)
    if (sites[i]) chosen.push_back(inputs_.sites[i]);
  return all_grids({.sites = chosen, .latent_height = inputs_.latent_height, .latent_width = inputs_.latent_width});
}

void Resolver::place_all() {
  for (size_t i = 0; i < controls_.size(); ++i) place(static_cast<int>(i));
  add_functions();
}

void Resolver::place(int index) {
  const auto& control = controls_[index];
  auto& report = data_->reports[index];
  const auto path = path_of(index);
  report.index = index, report.title = title(control);
  check(control, path);
  if (!control.enabled) {
    report.state = ControlReport::State::disabled;
    return;
  }
  std::visit(
      [&](const auto& effect) {
        if constexpr (requires { make_effect(effect, control.mode, *tables_, path); }) {
          check_images(control, path);
          auto pointer = make_effect(effect, control.mode, *tables_, path);
          const auto rows = control.rows.value_or(pointer->default_rows());
          auto item = placed(std::move(pointer), control.where, control.when, rows, path);
          item.index = index, item.control = &control;
          narrow_to_recording(item);
          check_calls(item);
          check_heads(item);
          check_regions(item);
          placed_.push_back(std::move(item));
        }
      },
      control.effect);
  if (std::holds_alternative<Capture>(control.effect)) add_capture(index);
}

Placed Resolver::placed(EffectPointer effect, const std::string& where, const Window& when, Rows rows,
                        const std::string& path) {
  Placed item{.path = path, .effect = std::move(effect), .rows = rows};
  item.sites = select(site_table_, where, item.effect->attention(), path + ".where");
  item.calls = active_calls(when, inputs_.calls, path + ".when");
  item.numbers_at.assign(inputs_.calls.size(), -1);
  budget_.spend(inputs_.calls.size());
  std::map<std::vector<double>, int> known;
  for (size_t i = 0; i < item.calls.size(); ++i) {
    if (!item.calls[i]) continue;
    const auto numbers = item.effect->numbers(inputs_.calls[i].progress);
    const auto [place, fresh] = known.emplace(numbers, static_cast<int>(item.numbers.size()));
    if (fresh) item.numbers.push_back(numbers);
    item.numbers_at[i] = place->second;
  }
  return item;
}

void Resolver::check_images(const corepulse::Control& control, const std::string& path) const {
  const auto check_image = [&](int image, const std::string& where) {
    if (image < 0 || image >= inputs_.batch)
      refuse(where, fmt::format("image {}; this run's images are 0..{}", image, inputs_.batch - 1));
  };
  for (size_t i = 0; i < control.images.size(); ++i)
    check_image(control.images[i], fmt::format("{}.images[{}]", path, i));
  if (const auto* share = std::get_if<Share>(&control.effect); share && share->image)
    check_image(*share->image, path + ".image");
}

void Resolver::check_heads(const Placed& item) const {
  const auto& heads = item.control->heads;
  if (heads.empty()) return;
  int most = 0;
  for (size_t i = 0; i < item.sites.size(); ++i)
    if (item.sites[i]) most = std::max(most, inputs_.sites[i].heads);
  for (size_t i = 0; i < heads.size(); ++i)
    if (heads[i] < 0 || heads[i] >= most)
      refuse(fmt::format("{}.heads[{}]", item.path, i),
             fmt::format("head {}; the layers it acts on have heads 0..{}", heads[i], most - 1));
}

void Resolver::check_regions(const Placed& item) {
  const auto grids = grids_of(item.sites);
  if (item.control->region) tables_->masks.require_some(*item.control->region, grids, item.path + ".region");
  for (const auto& [region, path] : item.effect->regions())
    tables_->masks.require_some(*region, grids, item.path + path);
}

void Resolver::check_calls(const Placed& item) const {
  if (item.rows != Rows::uncond) return;
  for (size_t i = 0; i < item.calls.size(); ++i)
    if (item.calls[i] && guided(static_cast<int>(i))) return;
  refuse(item.path + ".rows",
         "no negative prompt is read while it acts: there is no guidance; expected rows cond, or guidance above 1");
}

void Resolver::add_functions() {
  for (size_t i = 0; i < inputs_.functions.size(); ++i) {
    const auto& use = inputs_.functions[i];
    placed_.push_back(
        placed(make_effect(use, *tables_), use.where, use.when, use.rows, fmt::format("functions[{}]", i)));
  }
}

void Resolver::add_capture(int index) {
  const auto& control = controls_[index];
  const auto& capture = std::get<Capture>(control.effect);
  const auto path = path_of(index);
  check_images(control, path);
  const bool keys = capture.what == Capture::What::keys;
  CaptureSpec spec{.name = capture.name.empty() ? capture.tokens.phrase : capture.name,
                   .what = capture.what,
                   .rows = control.rows.value_or(keys ? Rows::both : Rows::cond),
                   .images = control.images,
                   .heads = control.heads};
  spec.sites = select(site_table_, control.where, keys ? AttentionKind::self : AttentionKind::cross, path + ".where");
  spec.calls = active_calls(control.when, inputs_.calls, path + ".when");
  if (keys) settle_recording(spec, control, path);
  data_->reports[index].state = ControlReport::State::acts;
  data_->captures.push_back(std::move(spec));
}

}  // namespace corepulse::control
