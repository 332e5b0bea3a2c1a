#pragma once
// One run: what to draw, how, with which controls.
//
//   corepulse::Request request;
//   request.recipe.prompt = "a cat in a park";
//   request.recipe.controls.push_back(corepulse::inject("a dragon").at("content"));
//   const auto result = pipeline.generate(request);

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/heat_map.h"
#include "corepulse/image.h"
#include "corepulse/recipe.h"
#include "corepulse/recording.h"

namespace corepulse {

struct Probe;              // corepulse/probe.h
struct ReplacedAttention;  // corepulse/attention_function.h
class LiveControls;        // corepulse/live_controls.h

/** What the callback gets between two steps. */
struct Progress {
  int step = 0;  ///< Steps done, 1..steps.
  int steps = 0;
  double sigma = 0;    ///< Noise level the latents are at now.
  double seconds = 0;  ///< Time of this step.
  /**
   * A picture of image `i` from the estimate of the final latent: rough RGB at latent size (8x smaller), or what
   * Request::taesd makes of it, at full size.
   */
  std::function<Image(int i)> preview;
  int pass = 1, passes = 1;  ///< `step` and `steps` are those of this pass.
  /** They are those of the inversion of `init`, before the first pass: sigma rises. */
  bool inverting = false;
};

/** Return false to stop: the run ends with Error{cancelled} before its next model call. What it throws ends the run. */
using ProgressFunction = std::function<bool(const Progress&)>;

struct Request {
  Recipe recipe;
  ProgressFunction progress;  ///< Called on the engine's thread.
  bool decode = true;         ///< False: latents only (Result::images is empty).
  /** Attention of your own, see corepulse/attention_function.h. Not part of the recipe: a note of the result says so.
   */
  std::vector<std::shared_ptr<const ReplacedAttention>> functions;
  std::shared_ptr<LiveControls> live;  ///< To change the controls during the run, see corepulse/live_controls.h.
  /**
   * Set to true, from any thread or a signal handler, it ends the run with Error{cancelled}: on a CPU also inside a
   * model call or the decoding of a large picture, else after the one that is going on.
   */
  std::shared_ptr<const std::atomic<bool>> stop;
  std::string taesd;  ///< The file of a tiny decoder (TAESD, TAESDXL) that draws previews; "": none.
  /** To look into the network, see corepulse/probe.h. Not part of the recipe: a note of the result says so. */
  std::vector<std::shared_ptr<const Probe>> probes;
  /**
   * In place of the noise that the seeds give, one for each picture: [4, h, w] of the run's size, as torch orders them.
   * Noise of deviation 1, as Diffusers' `latents`. Not part of the recipe: a note of the result says so.
   */
  std::vector<std::vector<float>> latents;
  /** `latents` are x itself at the first step's sigma: x0 + sigma noise. The recipe has no `init`. */
  bool latents_are_x = false;
};

/** One finished picture's numbers, and the recipe that repeats it. */
struct Result {
  std::vector<Image> images;                ///< One per seed, in order.
  std::vector<std::vector<float>> latents;  ///< [4, h, w] each, final, as torch orders them.
  std::vector<HeatMap> heat_maps;           ///< Of the recipe's captures: in order, image by image.
  std::vector<Recording> recordings;        ///< Of its captures of keys, in order.
  Recipe recipe;  ///< The request's with everything resolved (size, seeds, dtype, backend, ISA) and all live edits.
  std::vector<std::string> notes;  ///< Words that were cut off, controls that were neutral, guesses made.
  double seconds_text = 0, seconds_steps = 0, seconds_decode = 0;
  int model_calls = 0;
};

}  // namespace corepulse
