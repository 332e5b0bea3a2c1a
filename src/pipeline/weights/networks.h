#pragma once
// The UNets of a run: the model's own, and those whose weights control changes for some of the calls.

#include <list>
#include <memory>
#include <vector>

#include "attention/pass.h"
#include "engine/replay.h"
#include "pipeline/encode_prompt.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/weights/variants.h"

namespace corepulse::pipeline {

/** A UNet, the texts that it reads, and what its calls leave behind for the next ones. */
struct Network {
  Network(const unet::UNet& network, const std::vector<EncodedText>& encoded) : texts(encoded), unet(network) {}
  const std::vector<EncodedText>& texts;  ///< By control::TextId.
  attention::RunCache cache = {};
  engine::Replay unet;
};

/** What a pipeline holds of its model. */
struct LoadedModel {
  std::shared_ptr<const model::Model> own;
  model::Precision precision;
  Variants& variants;
};

/** Those with changed weights; of the last kVariants sets of changes, or as many as a call has. */
class Networks {
 public:
  /** @param own_texts what the model's own text encoders made. The arguments must outlive this. */
  Networks(const LoadedModel& model, const model::Parts& parts, const Prepared& prepared,
           const std::vector<EncodedText>& own_texts)
      : model_(model), parts_(parts), prepared_(prepared), own_texts_(own_texts) {}

  /** For rows with these weights, merged now if they are not held. @param sets in a call, that are held. @throws as
   * Variants::with. */
  Network& at(const control::WeightChanges& weights, size_t sets = 1);

 private:
  struct Changed {
    control::WeightChanges weights;
    std::shared_ptr<const model::Model> model;
    std::vector<EncodedText> texts;  // empty where the text encoders are the model's own
    std::unique_ptr<Network> network;
  };
  const LoadedModel& model_;
  const model::Parts& parts_;
  const Prepared& prepared_;
  const std::vector<EncodedText>& own_texts_;
  std::list<Changed> changed_;  // the last used first
};

/** Whether some row of the run reads what the model's own text encoders make. */
bool reads_own_texts(const control::Timeline& control);

}  // namespace corepulse::pipeline
