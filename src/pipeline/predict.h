#pragma once
// UNet calls: which rows they have, what control says of them, and what their predictions add up to.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "corepulse/sampling.h"

#include "attention/pass.h"
#include "control/joined.h"
#include "control/plan.h"
#include "model/model.h"
#include "pipeline/encode_prompt.h"
#include "pipeline/guidance/sum.h"
#include "sampler/sampler.h"

namespace corepulse::engine {
class Ranks;
}

namespace corepulse::pipeline {

struct Network;
class Networks;

/** Everything that stays the same during one run. */
struct Run {
  const model::Model& model;
  const model::Parts& parts;  ///< The model's, to be looked at if something goes wrong.
  const control::Control& control;
  const sampler::Training& training;  ///< The model's, with the noise levels that the recipe wants.
  const sampler::Schedule& schedule;
  const SamplingOptions& sampling;
  mx::Dtype dtype;  ///< What the UNet computes in.
  /** By control::TextId; texts may be added between steps. */
  const std::vector<EncodedText>& texts;
  control::TimeIds time_ids{};                 ///< SDXL: unless control says otherwise.
  std::optional<AestheticScores> scores = {};  ///< SDXL's refiner.
  double guidance_rescale = 0;
  GuidanceMemory* memory = nullptr;  ///< null: calls remember nothing of those before.
  /** One image per UNet call where the control allows it: a picture's bits do not depend on its batch. */
  bool one_by_one = true;
  std::optional<mx::array> beside = {};  ///< Channels that the UNet reads behind x's: [B, h, w, c].
  /** Of step i: x as it was made -> with what controls mix of its images. Empty: the same. */
  std::function<mx::array(int i, const mx::array& x)> blend = {};
  /** Of step i, behind that: x -> as the next step, or the decoder, is given it. Empty: the same. */
  std::function<mx::array(int i, const mx::array& x)> between_steps = {};
  Networks* networks = nullptr;             ///< For calls whose weights control changes.
  engine::Ranks* ranks = nullptr;           ///< The processes among which the rows of each call are dealt; null: none.
  attention::Instruments instruments = {};  ///< For the program's captures, functions and recordings.
  /** Another model makes the calls from this one on; its run's `control` counts them from 0. Not of runs together. */
  const Run* later = nullptr;
  int later_from = 0;
  bool anew = false;  ///< If that is a step's first call, the sampler begins anew with it.
};

/** Images `from` to `to` of a batch [B, h, w, c]. */
mx::array rows(const mx::array& x, int from, int to);

/** What control is told of a model call, but for its rows: the `call`-th of a run of that many steps. */
control::Step step_of(const sampler::Evaluation& at, int steps, int call);

/** What a call predicts with guidance, and for the negative prompt alone, which without guidance is the same. */
struct Predicted {
  mx::array guided, negative;
};

/**
 * One UNet call for some images of the batch, neighbours: x [n, h, w, 4] at sigma -> their predictions, float32.
 * @param step one that run.control knows; its rows are not read.
 */
Predicted predict(const Run& run, const mx::array& x, double sigma, control::Step step, const std::vector<int>& images,
                  Network& own);

/** A run among those that are drawn side by side, and how many of their images are its own. */
struct RunImages {
  const Run* run;
  int images = 1;
};

/** The UNet calls of several runs as one, with the rows of all of them. */
class Together {
 public:
  /** @param runs of the same model, size and schedule; see why_apart. They must outlive this. */
  explicit Together(const std::vector<RunImages>& runs);
  ~Together();
  Together(const Together&) = delete;
  Together& operator=(const Together&) = delete;

  /** As predict, of all images of all runs in order: by run. */
  std::vector<Predicted> operator()(const mx::array& x, double sigma, control::Step step);

 private:
  std::vector<RunImages> runs_;
  std::vector<EncodedText> texts_;  // of all runs, each once
  control::Joined control_;
  std::unique_ptr<Network> network_;
};

}  // namespace corepulse::pipeline
