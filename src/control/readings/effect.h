#pragma once
// What a control does to the readings of one row. Every kind has its own in effects/.

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "corepulse/control.h"

#include "control/readings/mix.h"
#include "control/region/masks.h"
#include "control/texts/text_table.h"

namespace corepulse::control {

/** A function that computes an attention call in place of ours. */
struct FunctionSpec {
  std::string name;
  double number = 0;
  /** One of the engine's own ("corepulse.sharpen": softmax(max(L, 1e-8)^number) V); else the user's, by name. */
  bool builtin = false;
  bool operator==(const FunctionSpec&) const = default;
};

/** What effects may ask while they act. */
struct Tables {
  TextTable texts;
  MaskTable masks;
  std::vector<RecordingInfo> recordings;
  std::vector<PicturePromptInfo> pictures;
  std::vector<FunctionSpec> functions;

  /** The index of a function, added if it is new. */
  int function(const FunctionSpec& spec);
};

/** One row at one attention layer and model call. */
struct Moment {
  const Grid& grid;
  bool cross;  ///< The layer reads the text.
  Row row;
  const std::vector<double>& numbers;  ///< AttentionEffect::numbers at this call.
  const Part& part;                    ///< strength x region x heads.
  Tables& tables;
  const std::vector<int>& prompts;  ///< By image: its prompt's internal number.
  std::set<int>& texts;             ///< Where an effect found its phrase, by internal number.
  bool& cut;                        ///< Set if the phrase was only found beyond the text's end.
  bool first_step = false;          ///< Of the run.

  LiveAt live_at() const { return {row.image, first_step}; }
};

/** What a control (or a user's function) does to the readings of one row. */
class AttentionEffect {
 public:
  /** @param curves its numbers, the strength first; they and what else a subclass refers to must outlive it. */
  explicit AttentionEffect(std::vector<const Curve*> curves) : curves_(std::move(curves)) {}
  virtual ~AttentionEffect() = default;

  /** All numbers at a moment of the run, the strength first (what perturbs: its scale). */
  std::vector<double> numbers(double progress) const;

  virtual AttentionKind attention() const { return AttentionKind::cross; }
  virtual Rows default_rows() const { return Rows::cond; }
  /** Regions count as 0 or 1, split at a half. */
  virtual bool hard_regions() const { return false; }
  /** Further regions, with the ends of their paths: empty ones are errors. */
  virtual std::vector<std::pair<const Region*, std::string>> regions() const { return {}; }
  /** The words it acts on, or null. */
  virtual const Tokens* tokens() const { return nullptr; }
  /** The image of the batch that others look at. */
  virtual std::optional<int> image() const { return std::nullopt; }
  /** Acts in rows of its own, copies of the prompt's: what their predictions add is `numbers`' first times (c - p). */
  virtual bool perturbs() const { return false; }
  /** The recording that is looked at, by its index in Tables. */
  virtual std::optional<int> recording() const { return std::nullopt; }
  /** Of a recording that holds one row, all rows may read that. */
  virtual bool any_row() const { return false; }
  /** Acts behind all others that act on the text, wherever it stands in the list. */
  virtual bool behind() const { return false; }
  /** What it reads, for reports; "": what its subject says. */
  virtual std::string reads() const { return ""; }

  /** @return false if nothing here is what it acts on (its phrase is in no text that is read). */
  virtual bool apply(Mix& mix, const Moment& moment) const = 0;
  /** Why it never acted, as an error message; `texts` lists what is read where it tried. */
  virtual std::string never(const std::string& texts) const;
  /** Why it changes nothing. */
  virtual std::string neutral() const = 0;

 private:
  std::vector<const Curve*> curves_;
};

using EffectPointer = std::unique_ptr<AttentionEffect>;

/** The strength of what has none: always 1. */
extern const Curve kWhole;

/** Every reading is computed by the user's function. */
EffectPointer function_effect(const FunctionUse&, Tables&);

}  // namespace corepulse::control
