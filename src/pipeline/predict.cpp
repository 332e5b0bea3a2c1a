#include "pipeline/predict.h"

#include <algorithm>
#include <numeric>

#include "attention/keys.h"
#include "engine/ranks.h"
#include "pipeline/features.h"
#include "pipeline/guidance/blurred.h"
#include "pipeline/weights/networks.h"
#include "sampler/prediction.h"
#include "sampler/step.h"

namespace corepulse::pipeline {

mx::array rows(const mx::array& x, int from, int to) {
  return mx::slice(x, {from, 0, 0, 0}, {to, x.shape(1), x.shape(2), x.shape(3)});
}

namespace {

Summed summed(const Run& run, const mx::array& x, double sigma, const control::StepPlan& plan,
              const std::vector<int>& images) {
  return {plan, images, run.training, x, sigma, run.guidance_rescale, run.memory};
}

Predicted predicted_by(const mx::array& all, const Summed& call, const std::optional<mx::array>& blurred = {}) {
  const auto guided = sum_of(all, call, blurred);
  return {guided, call.plan.guided ? rows(all, 0, static_cast<int>(call.images.size())) : guided};
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
  mx::array x;      ///< Of the run's images.
  mx::array input;  ///< [rows, h, w, c]
};

/** What these rows see of x, which is the images'. */
mx::array input_of(const Run& run, const mx::array& x, double sigma, const std::vector<control::Row>& all,
                   const std::vector<int>& images) {
  std::optional<mx::array> beside;
  if (run.beside) beside = attention::rows_of(*run.beside, images);
  return for_rows(sampler::model_input(run.training, x, sigma), beside, all, images);
}

Asked asked(const Run& run, const mx::array& x, double sigma, const control::Step& step,
            const std::vector<int>& images) {
  auto plan = run.control.step(step);
  auto all = plan.rows(images);
  auto input = input_of(run, x, sigma, all, images);
  return {std::move(plan), std::move(all), x, std::move(input)};
}

/** What the UNet makes of some rows: x [n, h, w, c], as it wants them. @param sides whose side calls are added. */
mx::array call_unet(const Run& run, const mx::array& x, const attention::Pass& pass, Network& network,
                    const std::optional<unet::AddedConditioning>& added, const control::StepPlan& sides) {
  auto inputs = run.model.unet.inputs(mx::astype(x, run.dtype), pass, added);
  if (!sides.side.empty() || !network.side.networks.empty())
    run.networks->side().add(sides, inputs, pass, network.side);
  inputs.gains = gains_of(sides, pass.step.rows);
  const FeatureCall call{pass.step, run.model.unet.resnets(), x.shape(1), x.shape(2)};
  inputs.mixes = mixes_of(sides, call, pass.instruments.recordings);
  inputs.watched = sides.watched;
  return mx::astype(network.unet(inputs, pass), mx::float32);
}

mx::array call_unet(const Run& run, const mx::array& x, const control::StepPlan& plan, const control::Step& step,
                    Network& network, const attention::Instruments& instruments) {
  const auto texts = contexts(network.texts);
  const attention::Pass pass{run.control,   step,        texts,
                             network.cache, instruments, network.beside ? &*network.beside : nullptr};
  const auto added = added_conditioning(network.texts, plan, run.time_ids, run.scores, step.rows);
  return call_unet(run, x, pass, network, added, plan);
}

/** Rows are dealt out among the processes of a run like cards. */
class Deal {
 public:
  Deal(const engine::Ranks* ranks, size_t rows)
      : rank_(ranks ? ranks->rank() : 0),
        size_(ranks ? ranks->size() : 1),
        most_((static_cast<int>(rows) - 1) / size_ + 1) {}

  bool mine(int row) const { return row % size_ == rank_; }
  /** Where the row's prediction stands among those of all processes, of which each has as many. */
  int place(int row) const { return row % size_ * most_ + row / size_; }
  /** As many predictions of this process's as of any. */
  mx::array padded(const std::vector<mx::array>& predicted, mx::Shape one) const {
    auto all = predicted;
    one[0] = most_;
    for (const auto& some : predicted) one[0] -= some.shape(0);
    if (one[0] > 0) all.push_back(mx::zeros(one, mx::float32));
    return mx::concatenate(all, 0);
  }

 private:
  int rank_, size_, most_;
};

/** What all these rows predict: those of equal weights together. @param input theirs. */
mx::array call_rows(const Run& run, const mx::array& input, const control::StepPlan& plan, control::Step step,
                    const std::vector<control::Row>& all, Network& own, const attention::Instruments& instruments) {
  const auto groups = groups_of(plan, all);
  const Deal deal(run.ranks, all.size());
  std::vector<mx::array> outputs;
  std::vector<int> order(all.size());  // where each row's prediction stands among them
  int next = 0;
  for (const auto& [weights, places] : groups) {
    std::vector<int> mine;
    for (const int place : places) {
      if (deal.mine(next)) mine.push_back(place);
      order[place] = deal.place(next++);
    }
    if (mine.empty()) continue;
    auto& network = weights.empty() ? own : run.networks->at(weights, step);
    step.rows.clear();
    for (const int place : mine) step.rows.push_back(all[place]);
    const auto x_t = mine.size() == all.size() ? input : attention::rows_of(input, mine);
    outputs.push_back(call_unet(run, x_t, plan, step, network, instruments));
  }
  if (!run.ranks && groups.size() == 1) return outputs[0];
  const mx::Shape one{1, input.shape(1), input.shape(2), run.model.unet.config().out_channels};
  if (run.ranks) outputs = {run.ranks->gather(deal.padded(outputs, one))};
  return attention::rows_of(mx::concatenate(outputs, 0), order);
}

/** What the plan's blurred calls add, by image. @param output what all rows predicted. */
std::optional<mx::array> blurred_calls(const Run& run, const Asked& call, double sigma, const control::Step& step,
                                       const std::vector<int>& images, const mx::array& output, const Looks& looks,
                                       Network& own) {
  // It is the same call to those who watch.
  auto instruments = run.instruments;
  instruments.observer = nullptr, instruments.recorder = nullptr, instruments.probe = nullptr;
  std::optional<mx::array> sum;
  for (auto blurred : call.plan.blurred) {
    std::vector<int> places;  // of its images, which are the first rows
    std::vector<control::Row> rows;
    std::erase_if(blurred.images, [&](int i) { return std::find(images.begin(), images.end(), i) == images.end(); });
    if (blurred.images.empty()) continue;
    for (const int image : blurred.images) {
      places.push_back(static_cast<int>(std::find(images.begin(), images.end(), image) - images.begin()));
      rows.push_back({image, call.plan.looked_at()});
    }
    const auto predicted = attention::rows_of(output, places);
    const auto x = blurred_input(blurred, looks, run.training, attention::rows_of(call.x, places), predicted, sigma);
    const auto input = input_of(run, x, sigma, rows, blurred.images);
    const auto again = call_rows(run, input, call.plan, step, rows, own, instruments);
    const auto one = for_images(sampler::times(blurred.scale, predicted - again), blurred.images, images, call.x);
    sum = sum ? *sum + one : one;
  }
  return sum;
}

}  // namespace

Predicted predict(const Run& run, const mx::array& x, double sigma, control::Step step, const std::vector<int>& images,
                  Network& own) {
  const auto call = asked(run, x, sigma, step, images);
  const auto& plan = call.plan;
  Looks looks;
  auto instruments = run.instruments;
  if (!plan.blurred.empty()) instruments.looks = &looks;
  const auto output = call_rows(run, call.input, plan, step, call.rows, own, instruments);
  const auto blurred = blurred_calls(run, call, sigma, step, images, output, looks, own);
  auto predicted = predicted_by(output, summed(run, x, sigma, plan, images), blurred);
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
    const auto images = first_numbers(runs_[i].images);
    predicted.push_back(
        predicted_by(rows(output, row, next), summed(*runs_[i].run, all[i].x, sigma, all[i].plan, images)));
    row = next;
  }
  return predicted;
}

}  // namespace corepulse::pipeline
