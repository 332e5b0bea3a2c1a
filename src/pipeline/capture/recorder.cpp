#include "pipeline/capture/recorder.h"

#include <algorithm>
#include <cstring>

#include "mlx/transforms.h"

#include "base/fail.h"
#include "control/program/program_data.h"

namespace corepulse::pipeline {
namespace {

io::StoredType stored_type(const mx::Dtype& dtype) {
  if (dtype == mx::float16) return io::StoredType::f16;
  if (dtype == mx::bfloat16) return io::StoredType::bf16;
  if (dtype == mx::float32) return io::StoredType::f32;
  fail(ErrorCode::internal, "recording", "the network computes in a type that recordings do not have");
}

/** Layers, or resnets, and which of them a capture keeps. */
struct Kept {
  const std::vector<control::Site>& sites;
  const std::vector<bool>& chosen;
};

Kept kept(const control::CaptureSpec& spec, const control::Program& program) {
  if (spec.what == Capture::What::features) return {program.data().resnets, spec.resnets};
  return {program.data().sites, spec.sites};
}

size_t numbers_at(const control::Program& program, int call, const RecordedShape& shape) {
  size_t sum = 0;
  for (const auto& spec : program.captures()) {
    if (spec.what == Capture::What::map || !spec.calls[call]) continue;
    const auto [sites, chosen] = kept(spec, program);
    for (const auto& site : sites)
      if (chosen[site.index]) sum += shape.numbers(site) * (spec.rows == Rows::both ? 2 : 1);
  }
  return sum;
}

}  // namespace

size_t RecordedShape::numbers(const control::Site& site) const {
  const auto g = control::grid(site, latent_height, latent_width);
  return size_t{1} * g.height * g.width * unet.levels[site.level].channels;
}

size_t recorded_numbers(const control::Timeline& control, const RecordedShape& shape) {
  size_t sum = 0;
  const auto& calls = control.programs().front().second.data().calls;
  for (size_t i = 0; i < calls.size(); ++i) sum += numbers_at(control.at(calls[i].index), static_cast<int>(i), shape);
  return sum;
}

size_t recorded_numbers(const control::Program& program, const RecordedShape& shape) {
  return recorded_numbers(control::Timeline(program), shape);
}

Recorder::Recorder(const control::Timeline& control, const RecordedShape& shape, std::string model)
    : control_(control), shape_(shape), model_(std::move(model)) {
  for (const auto& [step, program] : control.programs()) enter(program);
}

Recorder::Entry Recorder::entry_of(const control::CaptureSpec& spec, int nth, const control::Program& program) const {
  const auto [sites, chosen] = kept(spec, program);
  Entry entry{spec.name, spec.what, nth, chosen, spec.rows, spec.images.at(0), {}, std::make_shared<RecordedRun>()};
  auto& run = *entry.run;
  run.model = model_;
  run.latent_height = shape_.latent_height, run.latent_width = shape_.latent_width;
  run.unconditional = spec.rows != Rows::cond, run.conditional = spec.rows != Rows::uncond;
  entry.layer_of.assign(chosen.size(), -1);
  for (const auto& site : sites) {
    if (!chosen[site.index]) continue;
    entry.layer_of[site.index] = static_cast<int>(run.layers.size());
    const int tokens = control::grid(site, shape_.latent_height, shape_.latent_width).tokens();
    run.layers.push_back({site.path, tokens, shape_.unet.levels[site.level].channels, {}});
  }
  return entry;
}

void Recorder::enter(const control::Program& program) {
  std::map<std::string, int> seen;
  for (const auto& spec : program.captures()) {
    if (spec.what == Capture::What::map) continue;
    auto entry = entry_of(spec, seen[spec.name]++, program);
    const auto known =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.continues(entry); });
    places_[&spec] = static_cast<size_t>(known - entries_.begin());
    if (known == entries_.end()) entries_.push_back(std::move(entry));
  }
}

void Recorder::record(int capture, const control::Step& step, const control::Row& row, const control::Site& site,
                      const mx::array& x) {
  const auto& spec = control_.at(step.index).captures().at(capture);
  if (spec.what == Capture::What::map) return;
  const auto& entry = entries_[places_.at(&spec)];
  auto& run = *entry.run;
  if (row.image != entry.image || row.role > control::kPrompt ||
      !(row.conditional() ? run.conditional : run.unconditional))
    return;
  const auto numbers = mx::contiguous(x);
  mx::eval(numbers);
  if (run.steps.empty() || run.steps.back() != step.index) {
    run.steps.push_back(step.index), run.sigmas.push_back(step.sigma);
    run.type = stored_type(numbers.dtype());
  }
  auto& data = run.layers[entry.layer_of[site.index]].data;
  const auto end = data.size();
  data.resize(end + numbers.nbytes());
  std::memcpy(data.data() + end, numbers.data<char>(), numbers.nbytes());
}

std::vector<Recording> Recorder::recordings() {
  std::vector<Recording> list;
  for (const auto& entry : entries_) {
    if (entry.run->steps.empty()) continue;  // an edit put an end to it before its first step
    size_t bytes = 0;
    for (const auto& layer : entry.run->layers) bytes += layer.data.size();
    list.push_back({entry.name, entry.image, bytes, entry.run});
  }
  entries_.clear(), places_.clear();
  return list;
}

}  // namespace corepulse::pipeline
