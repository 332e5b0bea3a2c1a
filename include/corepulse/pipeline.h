#pragma once
// From prompt to picture.
//
//   auto pipeline = corepulse::Pipeline::load({.model = "builtin"});
//   auto result = pipeline.generate({.recipe = {.prompt = "a cat in a park", .seeds = {3}}});
//   corepulse::save_image(result.images[0], "cat.png", corepulse::image_text(result, 0));

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "corepulse/error.h"
#include "corepulse/model.h"
#include "corepulse/request.h"

namespace corepulse {

/**
 * Numbers the networks compute in. `automatic`: float16 on GPU; on CPU bfloat16 where AMX makes it several times
 * faster, else float32. bfloat16 needs a CPU with AVX-512 BF16 or AMX. int8: float32 on a CPU, with the UNet's matrices
 * and 3x3 convolutions in 8-bit integers, a quarter of the memory. What both cost in accuracy: docs/numerics.md.
 */
enum class ComputeType { automatic, float32, float16, bfloat16, int8 };

struct LoadOptions {
  ComputeType dtype = ComputeType::automatic;
  enum class Device { automatic, cpu, gpu } device = Device::automatic;
  /** Read the weights at the first generate, after its request was checked: a wrong request then costs milliseconds. */
  bool lazy = false;
  /**
   * The rows of each model call (the negative prompt's, the prompt's, others) are dealt out among the processes that
   * were started together (docs/gpu.md), each with this model on a GPU of its own. All of them load, and then run the
   * same requests in the same order; all get the same result, to the bit. What ends drawing in one ends it in
   * all. Loading waits for the others. @throws Error invalid_request: nothing says who they are; io: they do not come.
   */
  bool split_guidance = false;
};

/** What a run will take, roughly. */
struct Estimate {
  /** On a CPU as fast as it is now, without control. 0 on a GPU, and where the run is short: less than about ten. */
  double seconds = 0;
  size_t bytes = 0;     ///< Of memory at its peak, weights included: an upper bound.
  int model_calls = 0;  ///< One per picture.
};

/**
 * A request that was found right, for those who want to know what its run will take before it begins. It may be made
 * and used on any thread, by one at a time.
 */
class PreparedRun {
 public:
  PreparedRun(PreparedRun&&) noexcept;
  PreparedRun& operator=(PreparedRun&&) noexcept;
  ~PreparedRun();

  /**
   * Costs nothing; before a long run a tenth of a second, to measure how fast this machine is. @throws Error;
   * invalid_request after generate.
   */
  Estimate estimate() const;

  /**
   * The run, once: std::move(run).generate(). One that failed or was cancelled is spent, too: a second call throws
   * Error{invalid_request}. @throws as Pipeline::generate.
   */
  Result generate() &&;

  /**
   * What keeps two runs from being drawn together, for people: "their samplers differ"; "": nothing does. They may
   * differ in prompts, controls, seeds and guidance, but not in pipeline, size, steps, sampler and schedule; and
   * neither may change weights, read or make recordings and heat maps, or have functions, live controls or an
   * inversion.
   */
  std::string kept_apart_from(const PreparedRun& other) const;

 private:
  friend class Pipeline;
  friend size_t how_many_together(const std::vector<PreparedRun>& runs, size_t most);
  friend std::vector<Result> generate_together(std::vector<PreparedRun> runs);
  struct State;
  explicit PreparedRun(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;  ///< It keeps the model.
};

/**
 * How many of the runs, from the first on, are best given to one generate_together: on a GPU those that nothing keeps
 * apart from the first, have no more than `most` pictures and find room in its memory; on a CPU, where that saves
 * nothing, 1. 0 only for no runs. @throws Error{invalid_request} for one that was drawn.
 */
size_t how_many_together(const std::vector<PreparedRun>& runs, size_t most = 8);

/**
 * The runs, drawn side by side: on a GPU each UNet call is that of all their pictures. Every run gives what it gives
 * alone, on a CPU to the bit, on a GPU as one image of a batch does (docs/numerics.md). Each has its own progress.
 * @return their results in order; seconds are each one's part of the time of all.
 * @throws Error{invalid_request} for runs that something keeps apart; else as generate. What one throws ends all.
 */
std::vector<Result> generate_together(std::vector<PreparedRun> runs);

/**
 * A loaded model. Copies share it; all methods may be called from any thread: the work itself happens, one run after
 * the other, on one engine thread that owns MLX.
 */
class Pipeline {
 public:
  /** @throws Error not_found, bad_file, unsupported_model, out_of_memory; as LoadOptions::split_guidance. */
  static Pipeline load(const ModelSource& source, const LoadOptions& options = {});

  /**
   * prepare(request).generate(): runs to the end, blocking. @throws Error; a cancelled run throws Error{cancelled}, a
   * recipe that names another model than this one Error{invalid_request}; what a function of the request throws comes
   * out as it is.
   */
  Result generate(const Request& request) const;

  /**
   * Checks a request and resolves its controls, which costs milliseconds. The request is copied, its callback included.
   * @throws Error, as generate.
   */
  PreparedRun prepare(const Request& request) const;

  /** prepare(request).estimate(), which costs what both do; generate checks the request again. @throws Error. */
  Estimate estimate(const Request& request) const;

  const ModelInfo& info() const;
  /** Which of the processes of LoadOptions::split_guidance this is, from 0. */
  int rank() const;
  /** Whether several pictures go through the UNet in one call here: on a GPU. */
  bool shares_calls() const;

 private:
  friend class PreparedRun;
  struct State;
  explicit Pipeline(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

/**
 * Checks a recipe against its model without loading weights: sizes, sampler, prompt, every control.
 * @return the block x step table as text and JSON. @throws the Error the run would throw.
 */
struct Explanation {
  std::string text, json;
  Recipe recipe;  ///< With its files as a finished picture's recipe has them: small masks inside, others' digests.
};
Explanation explain(const Recipe& recipe);

/** The model a recipe names, with its parts. */
ModelSource model_source(const Recipe& recipe);

/**
 * The recipe with its files' relative paths (masks, recordings, models, parts) as seen from the current folder, after
 * it was read from a file in `folder`. An org/name stays what it is.
 */
Recipe recipe_from_folder(Recipe recipe, const std::filesystem::path& folder);
/** The reverse, for a file that will lie in `folder`. Absolute paths of models stay. */
Recipe recipe_for_folder(Recipe recipe, const std::filesystem::path& folder);

/**
 * The text to store in a picture: A1111's "parameters" and the recipe of image `i` alone under "corepulse".
 * @param folder where the picture will lie: the recipe's paths are relative to it. Empty: they stay as they are.
 */
ImageText image_text(const Result& result, int i, const std::filesystem::path& folder = {});

/** "corepulse 0.1.0 (MLX 0.32.4, cpu, avx512)" */
std::string version();

}  // namespace corepulse
