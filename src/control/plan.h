#pragma once
// All that networks and pipeline/ know of control. Data only: control decides, attention computes.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "control/site.h"

namespace corepulse::control {

/** Whom a batch row of a UNet call belongs to. */
struct Row {
  int image = 0;            ///< Index in the request's batch.
  bool conditional = true;  ///< The prompt's row, or the negative prompt's.
  bool operator==(const Row&) const = default;
};

/** One model call. A second evaluation (Heun, SDE) has its step's index and progress and its own t and sigma. */
struct Step {
  int index = 0, count = 1;
  int call = 0;         ///< Position among all model calls of the run, second evaluations included.
  double progress = 0;  ///< index / (count - 1), 0 if count is 1.
  double t = 0;         ///< The timestep the model is given.
  double sigma = 0;     ///< sqrt((1 - abar) / abar) at t.
  bool first_evaluation = true;
  std::vector<Row> rows;  ///< The rows of this call's batch, in order.
};

/** A text of the run, by its number in Program::texts(): 0 is the prompt, 1 the negative prompt. */
using TextId = int;

/** What a reading's keys and values come from. */
struct Source {
  enum class Kind {
    text,      ///< Cross-attention: the text `id`.
    own,       ///< Self-attention: this row's own picture.
    image,     ///< Self-attention: row with the same role of image `id` in this batch.
    recording  ///< Self-attention: what a recorded run read here at this step.
  };
  Kind kind = Kind::text;
  int id = 0;
  bool operator==(const Source&) const = default;
};

/** Immutable numbers, shared between steps; the same pointer always means the same numbers. */
using Values = std::shared_ptr<const std::vector<float>>;

/** One source read by (a share of) the picture. Shares of a row's readings sum to 1 at every pixel and head. */
struct Reading {
  std::vector<Source> sources;  ///< Several: one softmax over all their keys.
  Values share;                 ///< null: all of it. Else [share_heads, share_pixels], either may be 1.
  int share_heads = 1, share_pixels = 1;
  Values bias;                  ///< Per key, added to the logits (log-weights; -inf masks). null: none.
  Values key_gain, value_gain;  ///< Per key, multiply K and V. null: 1.
  float temperature = 1;        ///< Logits are divided by it; +inf gives the mean of V.
  int function = -1;            ///< The attention function, by index in Program::functions(); -1: our own attention.
  bool operator==(const Reading&) const = default;
  /** Whole row, plain source, no edit. */
  bool plain() const {
    return sources.size() == 1 && !share && !bias && !key_gain && !value_gain && temperature == 1 && function < 0;
  }
};

/** What one attention call does: the readings of every row of the batch. */
struct AttentionPlan {
  std::vector<std::vector<Reading>> rows;
  std::vector<int> captures;  ///< Observers (index in Program::captures()) that want this call's map.
};

/** SDXL's size conditioning: original height, width, crop top, left, target height, width. */
using TimeIds = std::array<float, 6>;

/** What the pipeline asks once per model call. */
struct StepPlan {
  double guidance = 1;
  /** Pooled text vector of the conditional rows (SDXL): weighted sum of texts; weights sum to 1. */
  std::vector<std::pair<TextId, float>> pooled{{0, 1.f}};
  TextId negative = 1;
  std::optional<TimeIds> time_ids;  ///< Absent: the request's.
  /** Some image looks at another of its batch in this call: all must go through the UNet together. */
  bool joins_images = false;
};

/** Decides what each model call and each attention call does. Const: the same question has the same answer. */
class Control {
 public:
  virtual ~Control() = default;
  virtual AttentionPlan plan(const Site& site, const Step& step) const = 0;
  virtual StepPlan step(const Step& step) const = 0;
};

/**
 * True if every layer does the same at both calls and needs nothing from outside them (a function, a recording, an
 * observer): they differ in the picture and the moment only.
 */
bool alike(const Control& control, const std::vector<Site>& sites, const Step& a, const Step& b);

}  // namespace corepulse::control
