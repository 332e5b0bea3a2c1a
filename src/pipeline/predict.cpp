#include "pipeline/predict.h"

#include <algorithm>
#include <numeric>

#include "attention/keys.h"
#include "pipeline/weights/networks.h"
#include "sampler/guidance.h"
#include "sampler/prediction.h"
#include "sampler/step.h"

namespace corepulse::pipeline {

mx::array rows(const mx::array& x, int from, int to) {
  return mx::slice(x, {from, 0, 0, 0}, {to, x.shape(1), x.shape(2), x.shape(3)});
}

namespace {

/** By image, what a further row adds; `base` is what it is compared with, `next` the place of its first row. */
mx::array added(const control::FurtherRow& further, const mx::array& predicted, const mx::array& base,
                const std::vector<int>& images, int& next) {
  std::vector<mx::array> parts;
  for (int i = 0; i < static_cast<int>(images.size()); ++i) {
    const auto one = rows(base, i, i + 1);
    if (!further.has(images[i])) {
      parts.push_back(mx::zeros_like(one));
      continue;
    }
    const auto own = rows(predicted, next, next + 1);
    ++next;
    const bool away = further.kind != control::FurtherRow::Kind::prompt;
    parts.push_back(sampler::times(further.scale, away ? one - own : own - one));
  }
  return mx::concatenate(parts, 0);
}

/** StepPlan's sum of what all rows predicted, by image. */
mx::array combined(const mx::array& predicted, const control::StepPlan& plan, const std::vector<int>& images,
                   double rescale) {
  const int n = static_cast<int>(images.size());
  if (!plan.guided && plan.further.empty()) return predicted;
  int next = plan.guided ? n : 0;
  const auto negative = rows(predicted, 0, n), prompt = rows(predicted, next, next + n);
  next += n;
  auto sum = plan.guided ? sampler::guide(negative, prompt, plan.guidance) : prompt;
  for (const auto& further : plan.further) {
    const bool perturbed = further.kind == control::FurtherRow::Kind::perturbed;
    sum = sum + added(further, predicted, perturbed ? prompt : negative, images, next);
  }
  return plan.guided ? sampler::rescale_guidance(sum, prompt, rescale) : sum;
}

Predicted predicted_by(const mx::array& all, const control::StepPlan& plan, const std::vector<int>& images,
                       double rescale) {
  const auto guided = combined(all, plan, images, rescale);
  return {guided, plan.guided ? rows(all, 0, static_cast<int>(images.size())) : guided};
}

/** What every row sees: its image's latents and, where there is more, what it reads beside them. */
mx::array for_rows(const mx::array& x, const std::optional<mx::array>& beside, const std::vector<control::Row>& roles,
                   const std::vector<int>& images) {
  const auto whole = beside ? mx::concatenate({x, *beside}, 3) : x;
  if (roles.size() == images.size()) return whole;
  std::vector<mx::array> all;
  for (const auto& row : roles) {
    const auto place = static_cast<int>(std::find(images.begin(), images.end(), row.image) - images.begin());
    all.push_back(rows(whole, place, place + 1));
    if (!row.pictured())
      all.back() = mx::concatenate({rows(x, place, place + 1), mx::zeros_like(rows(*beside, place, place + 1))}, 3);
  }
  return mx::concatenate(all, 0);
}

/** Rows of a call whose weights are the same: they go through the UNet together. */
struct RowGroup {
  control::WeightChanges weights;
  std::vector<int> places;  ///< Among all rows of the call.
};

std::vector<RowGroup> groups_of(const control::StepPlan& plan, const std::vector<control::Row>& rows) {
  std::vector<RowGroup> groups;
  for (size_t r = 0; r < rows.size(); ++r) {
    auto weights = plan.weights_of(rows[r]);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.weights == weights; });
    if (group == groups.end()) group = groups.insert(group, {std::move(weights), {}});
    group->places.push_back(static_cast<int>(r));
  }
  return groups;
}

/** What a run wants of a call. */
struct Asked {
  control::StepPlan plan;
  std::vector<control::Row> rows;
  mx::array input;  ///< [rows, h, w, c]
};

Asked asked(const Run& run, const mx::array& x, double sigma, const control::Step& step,
            const std::vector<int>& images) {
  auto plan = run.control.step(step);
  auto all = plan.rows(images);
  std::optional<mx::array> beside;
  if (run.beside) beside = rows(*run.beside, images.front(), images.back() + 1);
  auto input = for_rows(sampler::model_input(run.training, x, sigma), beside, all, images);
  return {std::move(plan), std::move(all), std::move(input)};
}

/** What the UNet makes of some rows: x [n, h, w, c], as it wants them. @param sides whose side calls are added. */
mx::array call_unet(const Run& run, const mx::array& x, const attention::Pass& pass, Network& network,
                    const std::optional<unet::AddedConditioning>& added, const control::StepPlan& sides) {
  auto inputs = run.model.unet.inputs(mx::astype(x, run.dtype), pass, added);
  if (!sides.side.empty()) run.networks->side().add(sides, inputs, pass, network.side);
  return mx::astype(network.unet(inputs, pass), mx::float32);
}

mx::array call_unet(const Run& run, const mx::array& x, const control::StepPlan& plan, const control::Step& step,
                    Network& network) {
  const auto texts = contexts(network.texts);
  const attention::Pass pass{
      run.control, step, texts, network.cache, run.instruments, network.beside ? &*network.beside : nullptr};
  const auto added = added_conditioning(network.texts, plan, run.time_ids, run.scores, step.rows);
  return call_unet(run, x, pass, network, added, plan);
}

}  // namespace

Predicted predict(const Run& run, const mx::array& x, double sigma, control::Step step, const std::vector<int>& images,
                  Network& own) {
  const auto [plan, all, input] = asked(run, x, sigma, step, images);
  const auto groups = groups_of(plan, all);
  std::vector<mx::array> outputs;
  std::vector<int> order(all.size());  // where each row's prediction stands among them
  int next = 0;
  for (const auto& [weights, places] : groups) {
    auto& network = weights.empty() ? own : run.networks->at(weights, step);
    step.rows.clear();
    for (const int place : places) step.rows.push_back(all[place]), order[place] = next++;
    const auto x_t = groups.size() == 1 ? input : attention::rows_of(input, places);
    outputs.push_back(call_unet(run, x_t, plan, step, network));
  }
  const auto output = groups.size() == 1 ? outputs[0] : attention::rows_of(mx::concatenate(outputs, 0), order);
  auto predicted = predicted_by(output, plan, images, run.guidance_rescale);
  auto* probe = run.instruments.probe;
  if (!probe || !probe->wants(attention::Point::guided, 0, step)) return predicted;
  step.rows.clear();
  for (const int image : images) step.rows.push_back({image, control::kPrompt});
  predicted.guided = probe->see(attention::Point::guided, 0, step, predicted.guided);
  return predicted;
}

namespace {

/** The place of a text among `all`, which get it if they do not have it: the same arrays are the same text. */
control::TextId place_of(const EncodedText& text, std::vector<EncodedText>& all) {
  const auto same = [](const mx::array& a, const mx::array& b) { return a.id() == b.id(); };
  const auto found = std::find_if(all.begin(), all.end(), [&](const EncodedText& other) {
    return same(text.context, other.context) && (!text.pooled || same(*text.pooled, *other.pooled));
  });
  if (found != all.end()) return static_cast<control::TextId>(found - all.begin());
  all.push_back(text);
  return static_cast<control::TextId>(all.size()) - 1;
}

std::vector<control::JoinedRun> joined_runs(const std::vector<RunImages>& runs, std::vector<EncodedText>& texts) {
  std::vector<control::JoinedRun> all;
  int first = 0;
  for (const auto& [run, images] : runs) {
    control::JoinedRun one{run->control, first, images, {}};
    for (const auto& text : run->texts) one.texts.push_back(place_of(text, texts));
    all.push_back(std::move(one));
    first += images;
  }
  return all;
}

std::vector<int> first_numbers(int n) {
  std::vector<int> numbers(static_cast<size_t>(n));
  std::iota(numbers.begin(), numbers.end(), 0);
  return numbers;
}

/** Rows of all runs in one call: the arrays of each, in order. */
struct AllRows {
  std::vector<mx::array> inputs, pooled;
  std::vector<std::vector<float>> time_ids;

  void add(const Run& run, const Asked& of) {
    inputs.push_back(of.input);
    const auto added = added_conditioning(run.texts, of.plan, run.time_ids, run.scores, of.rows);
    if (!added) return;
    pooled.push_back(added->pooled);
    time_ids.insert(time_ids.end(), added->time_ids.begin(), added->time_ids.end());
  }
  std::optional<unet::AddedConditioning> added() const {
    if (pooled.empty()) return {};
    return unet::AddedConditioning{mx::concatenate(pooled, 0), time_ids};
  }
};

}  // namespace

Together::Together(const std::vector<RunImages>& runs)
    : runs_(runs),
      control_(joined_runs(runs, texts_)),
      network_(std::make_unique<Network>(runs[0].run->model.unet, texts_)) {}

Together::~Together() = default;

std::vector<Predicted> Together::operator()(const mx::array& x, double sigma, control::Step step) {
  std::vector<Asked> all;
  AllRows together;
  int first = 0;
  step.rows.clear();
  auto rows_of_call = step.rows;
  for (const auto& [run, images] : runs_) {
    all.push_back(asked(*run, rows(x, first, first + images), sigma, step, first_numbers(images)));
    together.add(*run, all.back());
    for (const auto& row : all.back().rows) rows_of_call.push_back({row.image + first, row.role});
    first += images;
  }
  step.rows = std::move(rows_of_call);
  const auto texts = contexts(texts_);
  const attention::Pass pass{control_, step, texts, network_->cache};
  const auto output =
      call_unet(*runs_[0].run, mx::concatenate(together.inputs, 0), pass, *network_, together.added(), {});
  std::vector<Predicted> predicted;
  int row = 0;
  for (size_t i = 0; i < runs_.size(); ++i) {
    const int next = row + static_cast<int>(all[i].rows.size());
    predicted.push_back(predicted_by(rows(output, row, next), all[i].plan, first_numbers(runs_[i].images),
                                     runs_[i].run->guidance_rescale));
    row = next;
  }
  return predicted;
}

}  // namespace corepulse::pipeline
