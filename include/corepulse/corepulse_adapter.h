#pragma once
// CorePulse's own words, for those who know them: each call adds a control in mode corepulse.
//
//   corepulse::UNetPatcher patcher;
//   patcher.add_injection("middle:0", "a dragon", 2.0, 15.0, 0.0);
//   request.recipe.controls = patcher.controls();
//
// Unlike the original, several injections may share a block, phrases stand in for token numbers, and windows that meet
// no step are errors.

#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/control.h"

namespace corepulse {

class UNetPatcher {
 public:
  static constexpr double kWholeRun = std::numeric_limits<double>::infinity();

  /** Keys and values of `prompt` times `weight`; `block` is any selector, "all" included. */
  UNetPatcher& add_injection(std::string block, std::string prompt, double weight = 1, double sigma_start = kWholeRun,
                             double sigma_end = 0, std::optional<Region> spatial_mask = {});
  /** Logits of the phrase's tokens times `attention_scale`, in both rows. */
  UNetPatcher& add_attention_manipulation(std::string block, std::string target_phrase, double attention_scale = 1,
                                          double sigma_start = kWholeRun, double sigma_end = 0);
  /**
   * @param interaction_type enhance, suppress, redirect, sharpen or smooth.
   * @throws Error{invalid_request} for any other.
   */
  UNetPatcher& add_self_attention_manipulation(std::string block, std::optional<Region> source_region,
                                               std::optional<Region> target_region, double attention_scale = 1,
                                               const std::string& interaction_type = "enhance",
                                               double sigma_start = kWholeRun, double sigma_end = 0);
  void clear_injections() { controls_.clear(); }
  const std::vector<Control>& controls() const { return controls_; }

 private:
  std::vector<Control> controls_;
};

}  // namespace corepulse
