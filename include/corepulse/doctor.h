#pragma once
// What this machine is, whether it computes rightly, and how fast: for reports.
//
//   const auto findings = corepulse::examine();
//   std::cout << corepulse::to_text(findings);
//   return findings.self_test.verdict == corepulse::SelfTest::Verdict::failed || !findings.step.problem.empty();

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "corepulse/pipeline.h"

namespace corepulse {

/** Names and values, in an order of their own. */
using Facts = std::vector<std::pair<std::string, std::string>>;

/** The machine as the library sees it. Folders below the user's home folder begin with "~". */
struct Machine {
  std::string program;     ///< version().
  std::string system;      ///< "Darwin 25.1.0 arm64".
  std::string processor;   ///< "Apple M3 Pro"; empty if the system does not say.
  std::string backend;     ///< What a run with these options computes on: "cpu", "cuda", "metal".
  std::string isa;         ///< Of the own CPU kernels; "mlx" without any, as on a GPU of Apple.
  int threads = 0;         ///< Of the CPU's kernels.
  Facts device;            ///< All that MLX says of that device; bytes as numbers.
  uint64_t memory = 0;     ///< Bytes the machine has, or its container may take; 0 if unknown.
  uint64_t available = 0;  ///< What a run may take now before it is refused; 0 if unknown.
  uint64_t mlx_limit = 0;  ///< Bytes above which MLX waits for memory to become free.
  Facts folders;           ///< Where the library, the built-in model and the caches lie; why not, where one is missing.
  Facts environment;       ///< Those variables that are set of the ones that change what runs: COREPULSE_ISA, MLX_...
};

/**
 * A picture of 64 x 64 of the built-in model, four steps with a control, beside the numbers that a CPU computes in
 * float32. How near a device must come depends on its class: backend and type of numbers.
 */
struct SelfTest {
  /** unknown: not far off, but nobody has measured yet how near this class comes when all is well; or memory did not
   * suffice. */
  enum class Verdict { passed, failed, unknown } verdict = Verdict::unknown;
  std::string device_class;  ///< "cuda f16".
  double latents = 0;        ///< max|a - b| / max|b|; infinite where a number is not finite or the run failed.
  double picture = 0;        ///< The largest difference of a mean colour of 8 x 8 pixels, in levels of 255.
  double latents_bound = 0, picture_bound = 0;  ///< The class's own, or for unknown ones what is too far for any.
  std::string message;                          ///< One sentence.
};

/** The time of a step: of a call of the UNet with guidance, two rows, and of the sampler. Without seconds and problem:
 * nobody asked for it. */
struct StepTime {
  std::string model, dtype;
  int width = 0, height = 0;    ///< Pixels.
  std::vector<double> seconds;  ///< Of each step but the first, which makes ready.
  double median = 0, lowest = 0, highest = 0;
  double first = 0;         ///< The first step.
  double operations = 0;    ///< Floating-point operations of a step, counted from the model's shapes.
  uint64_t peak_bytes = 0;  ///< Of MLX's memory at most; weights that the own CPU kernels packed are not in it.
  std::string problem;      ///< Why there is no time; else empty.
};

/** Floating-point operations a second, in billions, of single products of a middle size. 0 where they failed, or
 * nobody asked for them. */
struct Pace {
  double convolution = 0, matrix = 0, attention = 0;
};

struct Findings {
  Machine machine;
  SelfTest self_test;
  StepTime step;
  Pace pace;
};

struct ExamineOptions {
  LoadOptions load;
  ModelSource model;  ///< Whose steps are timed, at its native size.
  int steps = 10;     ///< How many of them, 1..999; 0: none, nor single products. The self-test then stands alone.
  std::shared_ptr<const std::atomic<bool>> stop;  ///< As Request::stop.
};

/**
 * Some seconds with the built-in model. What goes wrong with the device is a finding, not an exception.
 * @throws Error for options that are wrong, a model that cannot be used (the built-in one, too), and cancelled.
 */
Findings examine(const ExamineOptions& options = {});

/** The machine alone: milliseconds, nothing is computed. @throws Error invalid_request. */
Machine describe_machine(const LoadOptions& options = {});

/** "passed", "failed", "unknown". */
const char* name(SelfTest::Verdict verdict) noexcept;

/** A page for people, to be pasted into a report. */
std::string to_text(const Findings& findings);
/** The same for programs: one JSON object, fields named as above. */
std::string to_json(const Findings& findings);

}  // namespace corepulse
