#pragma once
// All that networks and pipeline/ know of control. Data only: control decides, attention computes.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/site.h"

namespace corepulse::control {

/** What a batch row of a UNet call is for. Those from 3 on are the program's own; from 2 on they are StepPlan::further.
 */
using Role = int;
constexpr Role kNegative = 0;        ///< Reads the negative prompt.
constexpr Role kPrompt = 1;          ///< Reads the prompt.
constexpr Role kWithoutPicture = 2;  ///< Reads the negative prompt; the channels of the run's picture are 0.

/** Whom a batch row of a UNet call belongs to. */
struct Row {
  int image = 0;  ///< Index in the request's batch.
  Role role = kPrompt;
  bool conditional() const { return role != kNegative && role != kWithoutPicture; }
  bool pictured() const { return role != kWithoutPicture; }
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

/** What a reading's queries, keys or values come from. */
struct Source {
  enum class Kind {
    text,       ///< Cross-attention: the text `id`.
    own,        ///< This row's own picture.
    image,      ///< The row with the same role of image `id` in this batch (its prompt's, where there is none).
    recording,  ///< Self-attention: what a recorded run read here at this step; of a FeatureMix, what it added.
    picture,    ///< Cross-attention: what the adapter of picture prompt `id` makes of its pictures,
    no_picture  ///< and what it makes of none, which is as long.
  };
  Kind kind = Kind::text;
  int id = 0;
  /** Made of pictures beside the text. */
  bool pictured() const { return kind == Kind::picture || kind == Kind::no_picture; }
  bool operator==(const Source&) const = default;
};

/** Immutable numbers, shared between steps; the same pointer always means the same numbers. */
using Values = std::shared_ptr<const std::vector<float>>;

/** Queries averaged over neighbouring tokens: down . q . across^T, the tokens as a grid of rows and columns. */
struct Blur {
  Values down, across;  ///< [h' or 1, h], [w' or 1, w]; 1 x 1: all pixels ask the same.
  int down_rows = 1, across_rows = 1;
  bool operator==(const Blur&) const = default;
};

/** One source read by (a share of) the picture. */
struct Reading {
  std::vector<Source> sources;  ///< Of the keys. Several: one softmax over all.
  Values share;                 ///< null: all of it. Else [share_heads, share_pixels], either may be 1.
  int share_heads = 1, share_pixels = 1;
  Values bias;                  ///< Per key, added to the logits (log-weights; -inf masks). null: none.
  Values key_gain, value_gain;  ///< Per key and per value, multiply K and V. null: 1.
  float temperature = 1;        ///< Logits are divided by it; +inf gives the mean of V.
  int function = -1;            ///< The attention function, by index in Program::functions(); -1: our own attention.

  std::optional<Source> query;  ///< Whose queries ask: own, image or recording. Absent: own.
  std::optional<Blur> blur;     ///< Of the queries.
  std::vector<Source> values;   ///< Of the values. Empty: `sources`.
  Values map;                   ///< [keys, values]: V := map V, after value_gain. null: V itself.
  /** Own queries and keys take the mean and deviation of this image's or recording's over the tokens, channel by
   * channel (AdaIN). */
  std::optional<Source> align;
  bool align_values = false;  ///< And own values those of its values.
  bool identity = false;      ///< Every token looks at itself alone: P := 1, the result is V.
  /** Stands beside the readings whose shares sum to 1 at every pixel and head: its share is a weight of its own. */
  bool added = false;
  /** The controls (WeightChange::control) whose regional changes its keys and values have, whole. */
  std::vector<int> beside;

  bool operator==(const Reading&) const = default;
  /** What the values come from. */
  const std::vector<Source>& says() const { return values.empty() ? sources : values; }
  /** Whole row, one source of keys and values each, no edit. */
  bool plain() const { return unedited() && beside.empty(); }
  /** The same but for what stands beside the weights: rows of such readings are one fused call. */
  bool unedited() const {
    return sources.size() == 1 && values.size() <= 1 && !share && !bias && !key_gain && !value_gain &&
           temperature == 1 && function < 0 && !blur && !align && !identity && (beside.empty() || !map);
  }
};

/**
 * Normalised attention guidance (Chen et al. 2025), after all readings of a row and before to_out: with z what they
 * found and n what `against` finds, z := z + share (min(1, limit / r) g - z), where g = z + scale (z - n) and
 * r = |g|_1 / |z|_1, by pixel over all heads.
 */
struct Finish {
  std::vector<Reading> against;  ///< Whose shares sum to 1.
  float scale = 0, limit = 0;
  Values share;  ///< [1 or pixels].
  bool operator==(const Finish&) const = default;
};

/** What one attention call does: the readings of every row of the batch. */
struct AttentionPlan {
  std::vector<std::vector<Reading>> rows;
  std::vector<int> captures = {};  ///< Observers (index in Program::captures()) that want this call's map.
  std::vector<std::vector<Finish>> finishes = {};  ///< By row, in the order they act. Empty: none.
  /** By row: whose place every token takes when the layer's result has been added (guide_by, tokens): token i of what
   * follows is token order[i] of it. null: each its own. Empty: none. */
  std::vector<Values> orders = {};
  /** How much each token is looked at is told of these rows (BlurredCall). */
  std::optional<Role> looks = {};
};

/** SDXL's size conditioning: original height, width, crop top, left, target height, width. */
using TimeIds = std::array<float, 6>;

/** A further row of a model call, and what its prediction p adds: scale (p - u), scale (c - p) or scale (u - p). */
struct FurtherRow {
  enum class Kind {
    prompt,          ///< Another prompt's, beside the prompt's: with u the negative prompt's prediction.
    perturbed,       ///< The prompt's row, perturbed: with c the unperturbed one's prediction.
    without_picture  ///< The negative prompt's, of role kWithoutPicture: with u that of its row with the picture.
  } kind = Kind::perturbed;
  Role role = kWithoutPicture;
  double scale = 0;
  TextId text = 0;          ///< Kinds prompt, without_picture: what it reads.
  std::vector<int> images;  ///< Those that have it.

  bool has(int image) const;
  bool operator==(const FurtherRow&) const = default;
};

/**
 * A call of its own, of the negative prompt's rows, without guidance the prompt's: with u what they predict, p what
 * they do where x's estimate is blurred at the tokens that are looked at most; it adds scale (u - p) (guide_by, map).
 */
struct BlurredCall {
  int control = 0;  ///< Whose it is, by its place in the list.
  double scale = 0;
  double sigma = 1;         ///< Of the blur, in latent pixels.
  double threshold = 1;     ///< More attention than this is much: a token has 1 in the mean.
  std::vector<bool> sites;  ///< The self-attention layers that say it, in the mean,
  Grid grid;                ///< all of this grid.
  std::vector<int> images;  ///< Those that have it.
  bool operator==(const BlurredCall& other) const;
};

/**
 * What is done to the features that meet in front of a resnet of an up block (FreeU), by joint
 * (ProgramInputs::joints): half of the channels that come up times `backbone`, the skip's lowest frequencies times
 * `skip`.
 */
struct FeatureGains {
  int control = 0;                      ///< Whose they are, by its place in the list.
  bool by_mean = false;                 ///< backbone holds where the mean of the channels is largest; 1 where least.
  std::vector<float> backbone, skip;    ///< 1: as it is. Not all 1.
  bool negative = true, prompt = true;  ///< In rows that read the negative prompt; in all others.
  std::vector<int> images = {};         ///< Of these. Empty: all.

  bool has(const Row& row) const;
  bool operator==(const FeatureGains& other) const = default;
};

/**
 * What a resnet adds to the picture becomes in part what another's did, by resnet (ProgramInputs::resnets): own y and
 * other's z make y + strength * region * (z - y).
 */
struct FeatureMix {
  int control = 0;                      ///< Whose it is, by its place in the list.
  Source source;                        ///< Of kind image or recording.
  float strength = 0;                   ///< Not 0.
  std::vector<bool> resnets;            ///< Those that it acts at,
  std::vector<Values> region = {};      ///< and for these 0..1 for every pixel. Empty: everywhere.
  bool negative = true, prompt = true;  ///< In rows that read the negative prompt; in all others.
  std::vector<int> images = {};         ///< Of these. Empty: all but the other's own.

  bool has(const Row& row) const;
  bool operator==(const FeatureMix& other) const = default;
};

/** An observer (index in Program::captures()) that wants what these resnets add to the picture. */
struct FeatureWatch {
  int capture = 0;
  std::vector<bool> resnets;
};

/**
 * How what the negative prompt predicts (u) and what the prompt does (c) add up with guidance w, in place of
 * u + w (c - u). In the order in which it acts (docs/guidance.md); arithmetic: sampler/guidance/guidance.h.
 */
struct GuidanceShape {
  struct Skim {
    double scale = 0;
    bool full_negative = false, filter = true;
    bool operator==(const Skim&) const = default;
  };
  struct Projection {
    double parallel = 1, limit = 0, momentum = 0;
    bool of_picture = false;
    bool operator==(const Projection&) const = default;
  };
  struct Bands {
    double low = 1, high = 1;
    bool operator==(const Bands&) const = default;
  };
  struct Threshold {
    double mimic = 1, percentile = 1, strength = 0;
    bool operator==(const Threshold&) const = default;
  };

  double tangential = 0, zero_star = 0;  ///< Shares.
  std::optional<Skim> skim = {};
  std::optional<Projection> projection = {};
  std::optional<Bands> bands = {};
  std::optional<Threshold> threshold = {};
  std::optional<double> rescale = {};  ///< In place of the run's.
  bool nothing = false;                ///< The prediction is 0.

  /** Whether it is u + w (c - u), rescaled or not. */
  bool plain() const { return *this == GuidanceShape{.rescale = rescale}; }
  bool operator==(const GuidanceShape&) const = default;
};

/** What an adapter file adds to the model's weights while a call is made. */
struct WeightChange {
  int adapter = 0;                                      ///< By its place among the run's (ProgramInputs::adapters).
  float strength = 0;                                   ///< Times what it says of the UNet,
  float text_strength = 0;                              ///< and of the text encoders.
  std::shared_ptr<const std::set<std::string>> layers;  ///< The UNet's that it changes, by path. null: all it can.
  /**
   * The pixels whose output changes, 0..1: for every grid of the UNet as many numbers as it has tokens, by which grids
   * are told apart. Then the change stands beside the weights: a layer's result y becomes y + region * strength * (what
   * the file adds makes of its input); to_k and to_v, whose results are no pixels' own, leave that to Reading::beside.
   * Empty: everywhere, in the weights.
   */
  std::vector<Values> region = {};
  int control = 0;  ///< Whose it is, by its place in the list: with a region, Reading::beside names it.
  bool operator==(const WeightChange& other) const;
};
/** All of them are added to the weights as the model's files have them. */
using WeightChanges = std::vector<WeightChange>;

/** A change in some rows of a call. */
struct RowChange {
  WeightChange change;
  bool negative = true, prompt = true;  ///< In rows that read the negative prompt; in all others.
  std::vector<int> images = {};         ///< Of these. Empty: all.

  bool has(const Row& row) const;
};

/**
 * What a side network (ControlNet) adds in a model call to the UNet's skips and its middle block's result, by
 * ProgramInputs::skips: residual times weight and, where there is a region, times its pixels' share.
 */
struct SideCall {
  int network = 0;                      ///< By its place among the run's (ProgramInputs::side_networks).
  double work = 0;                      ///< Of one row, as a share of the UNet's.
  std::vector<float> weights;           ///< By skip; not all 0.
  std::vector<Values> region = {};      ///< By skip: 0..1 for every pixel. Empty: everywhere.
  bool negative = true, prompt = true;  ///< In rows that read the negative prompt; in all others.
  std::vector<int> images = {};         ///< Of these. Empty: all.

  bool has(const Row& row) const;
  bool operator==(const SideCall& other) const = default;
};

/** What the pipeline asks once per model call. The prediction is u + guidance (c - u), as `shape` has it, and what
 * further rows and calls add. */
struct StepPlan {
  double guidance = 1;
  bool guided = false;  ///< There are negative rows: they are read.
  /** Pooled text vector of the prompt's rows (SDXL): weighted sum of texts; weights sum to 1. 0: the row's own prompt.
   */
  std::vector<std::pair<TextId, float>> pooled{{0, 1.f}};
  TextId negative = 1;
  std::vector<TextId> prompts = {};  ///< By image, where images have their own. Empty: all read text 0.
  std::optional<TimeIds> time_ids;   ///< Absent: the request's.
  std::vector<FurtherRow> further = {};
  std::vector<RowChange> weights = {};  ///< Rows that others change go through the UNet by themselves.
  std::vector<SideCall> side = {};      ///< In the order in which they are added.
  GuidanceShape shape = {};
  std::vector<BlurredCall> blurred = {};
  std::vector<FeatureGains> features = {};
  std::vector<FeatureMix> mixes = {};  ///< In the order in which they act.
  std::vector<FeatureWatch> watched = {};
  /** Some image looks at another of its batch in this call: all must go through the UNet together. */
  bool joins_images = false;

  /** The rows of the call for these images: all negative ones, all prompts', and the further ones. */
  std::vector<Row> rows(const std::vector<int>& for_images) const;
  /** What a row's cross-attention reads where no control acts. */
  TextId text_of(const Row& row) const;
  /** What is changed for a row. */
  WeightChanges weights_of(const Row& row) const;
  /** Whose prediction blurred calls are compared with. */
  Role looked_at() const { return guided ? kNegative : kPrompt; }
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
 * observer): they differ in the picture, the moment and the strengths of what stands beside the weights only.
 */
bool alike(const Control& control, const std::vector<Site>& sites, const Step& a, const Step& b);

}  // namespace corepulse::control
