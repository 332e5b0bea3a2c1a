#include "pipeline/denoise.h"

#include <deque>
#include <fmt/format.h>
#include <numeric>

#include "mlx/transforms.h"

#include "base/fail.h"
#include "kernels/stop.h"
#include "pipeline/finite.h"
#include "pipeline/weights/networks.h"
#include "sampler/prediction.h"

namespace corepulse::pipeline {
namespace {

/** Who makes the calls of each step, and how many each run's pictures take part in. */
class Caller {
 public:
  explicit Caller(const std::vector<RunImages>& runs) : runs_(runs), calls_(runs.size()) {
    for (const auto& [run, images] : runs) own_.emplace_back(run->model.unet, run->texts);
    if (runs.size() > 1 && !runs[0].run->one_by_one) together_.emplace(runs);
  }

  /** x [B, h, w, 4] of all images of all runs. */
  Predicted operator()(const mx::array& x, double sigma, const control::Step& step) {
    guided_.clear(), negative_.clear();
    if (together_) {
      auto all = (*together_)(x, sigma, step);
      for (auto& one : all) keep(std::move(one));
      done();
      for (int& calls : calls_) ++calls;
    } else {
      int first = 0;
      for (size_t i = 0; i < runs_.size(); first += runs_[i++].images) call(i, first, x, sigma, step);
    }
    return {mx::concatenate(guided_, 0), mx::concatenate(negative_, 0)};
  }

  const std::vector<int>& calls() const { return calls_; }

  /** Of what all runs have in common. */
  const Run& run() const { return *runs_[0].run; }
  /** Whether the next call is the first of another model's. */
  bool hands_over() const { return run().later && next_ == run().later_from; }
  void hand_over() {
    runs_[0].run = run().later, next_ = 0;
    own_.clear();
    own_.emplace_back(run().model.unet, run().texts);
  }
  /** The number of the call that is made now, among its model's. */
  int next() { return next_++; }

 private:
  /** Those of one run, whose first image is image `first` of x. */
  void call(size_t i, int first, const mx::array& x, double sigma, const control::Step& step) {
    const auto& [run, count] = runs_[i];
    const int stride = run->one_by_one && !run->control.step(step).joins_images ? 1 : count;
    for (int image = 0; image < count; image += stride) {
      std::vector<int> images(static_cast<size_t>(stride));
      std::iota(images.begin(), images.end(), image);
      keep(predict(*run, rows(x, first + image, first + image + stride), sigma, step, images, own_[i]));
      done();
      ++calls_[i];
    }
  }
  void keep(Predicted one) { guided_.push_back(std::move(one.guided)), negative_.push_back(std::move(one.negative)); }
  void done() const {
    auto all = guided_;
    all.insert(all.end(), negative_.begin(), negative_.end());
    mx::eval(all);
    kernels::check_stop();
  }

  std::vector<RunImages> runs_;
  int next_ = 0;
  std::deque<Network> own_;  // by run
  std::optional<Together> together_;
  std::vector<mx::array> guided_, negative_;  // of the step
  std::vector<int> calls_;
};

/** Of step i: what a run makes of its images behind it. */
mx::array behind_step(const Run& run, int i, mx::array x) {
  for (const auto* model = &run; model; model = model->later)
    if (model->blend) x = model->blend(i, x);
  return run.between_steps ? run.between_steps(i, x) : x;
}

/** The same of all runs. */
mx::array between_steps(const std::vector<RunImages>& runs, int i, const mx::array& x) {
  std::vector<mx::array> all;
  int first = 0;
  for (const auto& [run, images] : runs) {
    all.push_back(behind_step(*run, i, runs.size() == 1 ? x : rows(x, first, first + images)));
    first += images;
  }
  return all.size() == 1 ? all[0] : mx::concatenate(all, 0);
}

}  // namespace

control::Step step_of(const sampler::Evaluation& at, int steps, int call) {
  const double progress = steps > 1 ? at.step / (steps - 1.0) : 0;
  return {at.step, steps, call, progress, at.t, at.sigma, at.first, {}};
}

std::vector<int> denoise_together(const std::vector<RunImages>& runs, mx::array& x, const sampler::NoiseFunction& noise,
                                  const StepFunction& on_step) {
  const auto& run = *runs[0].run;  // of what all have in common
  auto sampler = sampler::make_sampler(run.schedule, run.training, run.sampling);
  const int steps = run.schedule.steps();
  int begun = 0;  // the step that the sampler calls its first
  Caller caller(runs);
  const auto model = [&](const mx::array& x_t, sampler::Evaluation at) {
    at.step += begun;
    if (caller.hands_over()) caller.hand_over();
    const auto [guided, negative] = caller(x_t, at.sigma, step_of(at, steps, caller.next()));
    const auto estimate = [&training = caller.run().training, &x_t, &at](const mx::array& of) {
      return sampler::denoised(training, x_t, of, at.sigma);
    };
    if (at.negative) *at.negative = estimate(negative);
    return estimate(guided);
  };
  for (int i = 0; i < steps; ++i) {
    if (run.anew && caller.hands_over()) {
      caller.hand_over();
      sampler = sampler::make_sampler(sampler::behind(run.schedule, i), caller.run().training, run.sampling);
      begun = i;
    }
    x = between_steps(runs, i, sampler->step(i - begun, x, model, noise));
    if (!is_finite(x))
      fail_not_finite(fmt::format("step {} of {} made infinite or undefined numbers", i + 1, steps), caller.run().parts,
                      run.dtype);
    if (!on_step(i + 1, run.schedule.sigma[i + 1], x, sampler->denoised()))
      fail(ErrorCode::cancelled, "generate", fmt::format("stopped after step {} of {}", i + 1, steps));
  }
  return caller.calls();
}

mx::array denoise(const Run& run, mx::array x, const sampler::NoiseFunction& noise, const StepFunction& on_step,
                  int& model_calls) {
  model_calls += denoise_together({{&run, x.shape(0)}}, x, noise, on_step)[0];
  return x;
}

}  // namespace corepulse::pipeline
