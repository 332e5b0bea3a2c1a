#pragma once
// The networks of a run: its ControlNets, the model's own UNet, and those whose weights control changes for some rows
// of some calls.

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "attention/pass.h"
#include "engine/replay.h"
#include "pipeline/encode_prompt.h"
#include "pipeline/guide/picture_keys.h"
#include "pipeline/guide/residuals.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/weights/beside.h"
#include "pipeline/weights/variants.h"

namespace corepulse::engine {
class Ranks;
}

namespace corepulse::pipeline {

/** A UNet, the texts that it reads, and what its calls leave behind for the next ones. */
struct Network {
  Network(const unet::UNet& network, const std::vector<EncodedText>& encoded) : texts(encoded), unet(network) {}
  const std::vector<EncodedText>& texts;  ///< By control::TextId.
  attention::RunCache cache = {};
  engine::Replay unet;
  SideCalls side = {};                      ///< What side networks' calls for its rows leave behind.
  std::optional<nn::Branches> beside = {};  ///< What stands beside its weights in the next call.
};

/** What a pipeline holds of its model. */
struct LoadedModel {
  std::shared_ptr<const model::Model> own;
  model::Precision precision;
  Variants& variants;
  KnownTexts& texts;                 ///< Of its own.
  SideStore* side = nullptr;         ///< null: a run has its own.
  PictureStore* pictures = nullptr;  ///< Likewise.
  /** Memory runs short before a run: what others left goes. False: there was nothing. */
  std::function<bool()> yield = {};
  engine::Ranks* ranks = nullptr;  ///< See Run.
};

/** Those with changed weights; of the last kVariants sets of changes, or as many as a call has. */
class Networks {
 public:
  /** @param own_texts what the model's own text encoders made. The arguments must outlive this. */
  Networks(const LoadedModel& model, const model::Parts& parts, const Prepared& prepared,
           const std::vector<EncodedText>& own_texts)
      : model_(model),
        parts_(parts),
        prepared_(prepared),
        own_texts_(own_texts),
        side_(model.side, prepared.guides, model.precision.dtype) {}

  /** For rows of the call with these weights, merged now if they are not held. As many sets are held as all images of
   * the call need, also where they go one by one. @throws as Variants::with. */
  Network& at(const control::WeightChanges& weights, const control::Step& call);
  /** The run's ControlNets, whatever the UNet's weights. */
  SideNetworks& side() { return side_; }

 private:
  struct Changed {
    control::WeightChanges weights;  ///< Without the strengths of what stands beside them.
    std::shared_ptr<const model::Model> model;
    std::vector<EncodedText> texts;  // empty where the text encoders are the model's own
    std::unique_ptr<Network> network;
  };
  Changed& held(const control::WeightChanges& weights, size_t most);

  const LoadedModel& model_;
  const model::Parts& parts_;
  const Prepared& prepared_;
  const std::vector<EncodedText>& own_texts_;
  Beside beside_;
  SideNetworks side_;
  std::list<Changed> changed_;  // the last used first
};

/** The run's texts that are not among `texts` yet, as text encoders with these changes read them. @param model with
 * the same changes. */
void encode_texts(const LoadedModel& loaded, const model::Model& model, const control::WeightChanges& changes,
                  const model::Parts& parts, const Prepared& prepared, std::vector<EncodedText>& texts);

/** Whether some row of the run reads what the model's own text encoders make. */
bool reads_own_texts(const control::Timeline& control);

}  // namespace corepulse::pipeline
