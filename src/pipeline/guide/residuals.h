#pragma once
// What the side networks of a run add to its UNet calls.

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "attention/pass.h"
#include "control/program/timeline.h"
#include "engine/replay.h"
#include "pipeline/guide/guides.h"

namespace corepulse::pipeline {

/** The side networks that a pipeline's runs asked for, kept for the next ones. */
class SideStore {
 public:
  /** Loaded now, if it is not held. On the engine's thread. @throws as model::load_side. */
  std::shared_ptr<const model::SideNetwork> of(const Guide& guide, mx::Dtype dtype);
  /** Those of other files go. */
  void keep(const Guides& guides);

 private:
  std::list<std::pair<std::string, std::shared_ptr<const model::SideNetwork>>> held_;  // by sha256
};

/** By network: what its calls for the rows of one UNet leave behind for the next ones. */
struct SideCalls {
  struct Of {
    attention::RunCache cache = {};
    std::unique_ptr<engine::Replay> replay = {};
    std::vector<mx::Shape> shapes = {};  ///< Of what it makes, by skip.
  };
  std::map<int, Of> networks = {};
  /** On CUDA zeros, as many as what was added last to skips, and to features, until the pass ends: a call that is
   * recorded with something added stays that call where nothing is, or for an image to which nothing is, which takes
   * less time than recording one without. */
  std::vector<mx::array> no_residuals = {}, no_features = {};
};

class SideNetworks {
 public:
  /** @param store null: one of its own. @param guides by SideCall::network; they may become more, and must outlive
   * this.
   */
  SideNetworks(SideStore* store, const Guides& guides, mx::Dtype dtype)
      : store_(store ? store : &own_), guides_(guides), dtype_(dtype) {}
  SideNetworks(const SideNetworks&) = delete;

  /**
   * Gives the UNet's inputs what the plan's side calls add to the rows of pass.step together, if they add to any; or
   * zeros behind calls that did. Each network is asked once, for all rows that it adds to.
   */
  void add(const control::StepPlan& plan, unet::CallInputs& inputs, const attention::Pass& pass, SideCalls& calls);

 private:
  struct Loaded {
    std::shared_ptr<const model::SideNetwork> network;
    /** What it makes of its picture once: a ControlNet's hint, or all that a T2I-Adapter makes. */
    std::variant<unet::CallInputs::Hint, std::vector<mx::array>> seen;
  };
  using Made = std::map<int, std::vector<mx::array>>;  ///< By network, then skip, of the rows that it adds to.

  const Loaded& loaded(int index);
  std::vector<mx::array> made_by(int index, const std::vector<int>& rows, const unet::CallInputs& inputs,
                                 const attention::Pass& pass, SideCalls& calls);
  /** What those calls add whose networks are, or are not, T2I-Adapters: by skip; empty if there is none. */
  std::vector<mx::array> sums(const control::StepPlan& plan, const std::vector<control::Row>& rows, const Made& made,
                              bool of_adapters, SideCalls& calls);

  SideStore own_, *store_;
  const Guides& guides_;
  mx::Dtype dtype_;
  std::map<int, Loaded> loaded_;
};

/** Bytes of the side networks that a run's calls ask for, each file's once. @param held what is held for this control
 * is not counted again; null: nothing is. */
uint64_t side_bytes(const control::Timeline& control, const Guides& guides, mx::Dtype dtype,
                    const control::Timeline* held = nullptr);

}  // namespace corepulse::pipeline
