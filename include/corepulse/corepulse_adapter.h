#pragma once
// CorePulse's own words, for those who know them: each call adds a control in mode corepulse.
//
//   corepulse::UNetPatcher patcher;
//   patcher.add_injection("middle:0", "dragon", 2.0, 15.0, 0.0);
//   request.recipe.controls = patcher.controls();
//
// Unlike the original, several injections may share a block, phrases stand in for token numbers, windows are the whole
// run unless given, and those that meet no step are errors. Of its injectors the ones that add up to such calls are
// here, by their names; add_masked_injection, which mixes two prompts' embeddings by position, is replace_tokens now,
// and the injectors by resolution level are selectors such as "fine" and "coarse".

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

  // BlockSpecificInjector and MultiPromptInjector: composition is read by the input blocks, content by the middle,
  // style by the output blocks.
  UNetPatcher& inject_composition(std::string prompt, double weight = 1);
  UNetPatcher& inject_content(std::string prompt, double weight = 1);
  UNetPatcher& inject_style(std::string prompt, double weight = 1);
  UNetPatcher& add_content_style_split(std::string content_prompt, std::string style_prompt, double content_weight = 1,
                                       double style_weight = 1);
  /**
   * LocationBasedInjector: lines "output:0,1.0", a block and its weight.
   * @throws Error{invalid_request} for a line that is not, and if there is none.
   */
  UNetPatcher& configure_from_locations(const std::string& locations, const std::string& prompt,
                                        double sigma_start = kWholeRun, double sigma_end = 0);
  /** MultiScaleInjector: one prompt each for the input blocks, the middle and the output blocks. */
  UNetPatcher& add_stage_based_injection(std::string downsample_prompt, std::string bottleneck_prompt,
                                         std::string upsample_prompt, double downsample_weight = 1,
                                         double bottleneck_weight = 1, double upsample_weight = 1);
  /** RegionalPromptInjector. */
  UNetPatcher& add_regional_injection(std::string block, std::string prompt, Region mask, double weight = 1,
                                      double sigma_start = kWholeRun, double sigma_end = 0);

  // SelfAttentionInjector.
  UNetPatcher& enhance_region_interaction(Region source_region, Region target_region, double enhancement_factor = 2,
                                          std::string block = "all");
  UNetPatcher& suppress_region_interaction(Region source_region, Region target_region, double suppression_factor = 0.3,
                                           std::string block = "all");
  /** Logits from the source to the old target / scale, to the new one * scale. */
  UNetPatcher& redirect_attention(Region source_region, Region old_target, Region new_target, double scale = 3,
                                  std::string block = "all");
  UNetPatcher& enhance_global_coherence(double coherence_factor = 1.5, std::string block = "middle:0");
  /** Logits between the region and the rest of the picture, both ways. */
  UNetPatcher& create_attention_barrier(Region region, double barrier_strength = 0.1, std::string block = "all");

  void clear_injections() { controls_.clear(); }
  const std::vector<Control>& controls() const { return controls_; }

 private:
  std::vector<Control> controls_;
};

}  // namespace corepulse
