#pragma once
// The models with changed weights that a pipeline's runs ask for: merged when first needed, the last ones kept.

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/program/timeline.h"
#include "model/model.h"
#include "pipeline/weights/adapter_files.h"

namespace corepulse::pipeline {

/** Two may be held at once: a run that goes to and fro between two sets of strengths merges each once. */
constexpr size_t kVariants = 2;

class Variants {
 public:
  /**
   * `model` with the changes, which are not none. On the engine's thread. @param parts and precision as the model was
   * loaded with. @param most that are held afterwards. @throws Error out_of_memory before anything is read; as
   * model::changed.
   */
  std::shared_ptr<const model::Model> with(const control::WeightChanges& changes, const AdapterFiles& files,
                                           const model::Model& model, const model::Parts& parts,
                                           model::Precision precision, size_t most = kVariants);
  bool empty() const { return variants_.empty(); }
  void clear() { variants_.clear(); }

 private:
  /** A change by what is in its file. */
  struct Change {
    std::string sha256;
    DoraReading dora;
    float strength, text_strength;
    std::shared_ptr<const std::set<std::string>> layers;
    bool operator==(const Change& other) const;
    /** Equal but for the text encoders' strength. */
    bool same_unet(const Change& other) const;
  };
  struct Variant {
    std::vector<Change> changes;
    std::shared_ptr<const model::Model> model;
  };
  std::list<Variant> variants_;  // the last used first
};

/** `model` with the changes, held by nobody else. @param parts and precision as it was loaded with. */
std::shared_ptr<const model::Model> changed_model(const control::WeightChanges& changes, const AdapterFiles& files,
                                                  const model::Model& model, const model::Parts& parts,
                                                  model::Precision precision);

/** By tensor, as adapters call them. */
using Deltas = std::map<std::string, std::shared_ptr<const adapters::Delta>>;
/** What a change says of a part of the model: of the UNet only where it acts. */
Deltas deltas_of(model::Part part, const control::WeightChange& change, const AdapterFiles& files);

/** Those that are in the weights themselves. */
control::WeightChanges merged_of(const control::WeightChanges& changes);

/** What is changed for the rows of a call, each set once; an empty one for those that nothing changes. */
std::vector<control::WeightChanges> weights_of_rows(const control::Timeline& control, const control::Step& call);

/** Bytes of the weights that the changes make anew. */
uint64_t changed_bytes(const control::WeightChanges& changes, const AdapterFiles& files, const model::Parts& parts,
                       model::Precision precision);

/** The most bytes of changed weights that a run holds at once. */
uint64_t most_changed_bytes(const control::Timeline& control, const AdapterFiles& files, const model::Parts& parts,
                            model::Precision precision);

/** The most bytes that an edit's changes take beyond those that the run has. @param files those of both. */
uint64_t added_bytes(const control::Timeline& now, const control::Program& edit, const AdapterFiles& files,
                     const model::Parts& parts, model::Precision precision);

/** For people: how often a run merges weights, if more than once. */
std::vector<std::string> merge_notes(const control::Timeline& control);

}  // namespace corepulse::pipeline
