#pragma once
// Loaded models, as many as fit into a budget of memory; the one that was used longest ago goes first.

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <vector>

#include "corepulse/pipeline.h"

namespace corepulse::server {

class Models {
 public:
  /** @param budget bytes for weights; a model that is larger is loaded alone. */
  Models(uint64_t budget, LoadOptions::Device device) : budget_(budget), device_(device) {}

  /** The pipeline of the recipe's model, parts and numbers; loaded where it is not yet. @throws as Pipeline::load. */
  Pipeline get(const Recipe& recipe);
  /**
   * What `draw` makes of get(). Where memory runs out and others are loaded, they are given back, and it is called once
   * more, unless it is not `repeatable` by then. @throws as get and draw.
   */
  Result run(const Recipe& recipe, const std::function<Result(Pipeline)>& draw,
             const std::function<bool()>& repeatable);
  bool is_loaded(const std::string& model) const;  ///< By Recipe::model.
  /** Of the weights of all that are loaded, refiners, ControlNets and the like included, roughly. */
  uint64_t bytes() const;
  size_t count() const;

 private:
  struct Entry {
    ModelSource source;
    std::string dtype;
    uint64_t bytes;  ///< Of its own weights.
    Pipeline pipeline;
    uint64_t refiner = 0, beside = 0;  ///< Of what its last runs had beside it, which it keeps for the next one.
  };
  uint64_t held() const;
  static bool is_of(const Entry& entry, const Recipe& recipe);
  bool give_back_others(const Recipe& recipe);
  uint64_t budget_;
  LoadOptions::Device device_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  ///< The one used last is first.
};

}  // namespace corepulse::server
