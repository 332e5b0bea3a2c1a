#include "corepulse/corepulse_adapter.h"

#include <fmt/format.h>
#include <locale>
#include <sstream>

#include "base/fail.h"
#include "base/names.h"
#include "control/quote.h"

namespace corepulse {
namespace {

Control placed(Effect effect, std::string block, double sigma_start, double sigma_end, std::optional<Region> region) {
  return {.effect = std::move(effect),
          .where = std::move(block),
          .when = Window::sigma(sigma_start, sigma_end),
          .region = std::move(region),
          .mode = Mode::corepulse};
}

}  // namespace

UNetPatcher& UNetPatcher::add_injection(std::string block, std::string prompt, double weight, double sigma_start,
                                        double sigma_end, std::optional<Region> spatial_mask) {
  controls_.push_back(placed(Inject{.prompt = std::move(prompt), .gain_k = weight, .gain_v = weight}, std::move(block),
                             sigma_start, sigma_end, std::move(spatial_mask)));
  return *this;
}

UNetPatcher& UNetPatcher::add_attention_manipulation(std::string block, std::string target_phrase,
                                                     double attention_scale, double sigma_start, double sigma_end) {
  controls_.push_back(
      placed(Reweight{std::move(target_phrase), attention_scale}, std::move(block), sigma_start, sigma_end, {}));
  return *this;
}

UNetPatcher& UNetPatcher::add_self_attention_manipulation(std::string block, std::optional<Region> source_region,
                                                          std::optional<Region> target_region, double attention_scale,
                                                          const std::string& interaction_type, double sigma_start,
                                                          double sigma_end) {
  using Interaction = Attend::Interaction;
  Effect effect;
  if (interaction_type == "smooth" && target_region)
    fail(ErrorCode::invalid_request, "target_region",
         "smooth takes no regions; the original ignored them: leave them out");
  if (interaction_type == "smooth")
    effect = Smooth{attention_scale};
  else if (interaction_type == "enhance" || interaction_type == "suppress")
    effect = Attend{std::move(target_region), attention_scale, Interaction::enhance};
  else if (interaction_type == "redirect")
    effect = Attend{std::move(target_region), attention_scale, Interaction::redirect};
  else if (interaction_type == "sharpen")
    effect = Attend{std::move(target_region), attention_scale, Interaction::sharpen};
  else
    fail(ErrorCode::invalid_request, "interaction_type",
         fmt::format("unknown type {}; {}", control::quote(interaction_type),
                     choices(interaction_type, {"enhance", "suppress", "redirect", "sharpen", "smooth"})));
  controls_.push_back(placed(std::move(effect), std::move(block), sigma_start, sigma_end, std::move(source_region)));
  return *this;
}

UNetPatcher& UNetPatcher::inject_composition(std::string prompt, double weight) {
  return add_injection("composition", std::move(prompt), weight);
}
UNetPatcher& UNetPatcher::inject_content(std::string prompt, double weight) {
  return add_injection("content", std::move(prompt), weight);
}
UNetPatcher& UNetPatcher::inject_style(std::string prompt, double weight) {
  return add_injection("style", std::move(prompt), weight);
}
UNetPatcher& UNetPatcher::add_content_style_split(std::string content_prompt, std::string style_prompt,
                                                  double content_weight, double style_weight) {
  return inject_content(std::move(content_prompt), content_weight).inject_style(std::move(style_prompt), style_weight);
}
UNetPatcher& UNetPatcher::add_stage_based_injection(std::string downsample_prompt, std::string bottleneck_prompt,
                                                    std::string upsample_prompt, double downsample_weight,
                                                    double bottleneck_weight, double upsample_weight) {
  return inject_composition(std::move(downsample_prompt), downsample_weight)
      .inject_content(std::move(bottleneck_prompt), bottleneck_weight)
      .inject_style(std::move(upsample_prompt), upsample_weight);
}

UNetPatcher& UNetPatcher::configure_from_locations(const std::string& locations, const std::string& prompt,
                                                   double sigma_start, double sigma_end) {
  std::vector<std::pair<std::string, double>> parsed;
  std::istringstream lines(locations);
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    const auto comma = line.find(',');
    std::istringstream number(comma == line.npos ? "" : line.substr(comma + 1));
    number.imbue(std::locale::classic());
    double weight = 0;
    if (!(number >> weight) || !(number >> std::ws).eof())
      fail(ErrorCode::invalid_request, "locations",
           fmt::format("the line {}; expected a block and a weight, such as output:0,1.0", control::quote(line)));
    parsed.emplace_back(line.substr(0, comma), weight);
  }
  if (parsed.empty()) fail(ErrorCode::invalid_request, "locations", "no lines; expected some such as output:0,1.0");
  for (const auto& [block, weight] : parsed) add_injection(block, prompt, weight, sigma_start, sigma_end);
  return *this;
}

UNetPatcher& UNetPatcher::add_regional_injection(std::string block, std::string prompt, Region mask, double weight,
                                                 double sigma_start, double sigma_end) {
  return add_injection(std::move(block), std::move(prompt), weight, sigma_start, sigma_end, std::move(mask));
}

UNetPatcher& UNetPatcher::enhance_region_interaction(Region source_region, Region target_region,
                                                     double enhancement_factor, std::string block) {
  return add_self_attention_manipulation(std::move(block), std::move(source_region), std::move(target_region),
                                         enhancement_factor, "enhance");
}
UNetPatcher& UNetPatcher::suppress_region_interaction(Region source_region, Region target_region,
                                                      double suppression_factor, std::string block) {
  return add_self_attention_manipulation(std::move(block), std::move(source_region), std::move(target_region),
                                         suppression_factor, "suppress");
}
UNetPatcher& UNetPatcher::redirect_attention(Region source_region, Region old_target, Region new_target, double scale,
                                             std::string block) {
  return suppress_region_interaction(source_region, std::move(old_target), 1 / scale, block)
      .enhance_region_interaction(source_region, std::move(new_target), scale, block);
}
UNetPatcher& UNetPatcher::enhance_global_coherence(double coherence_factor, std::string block) {
  return add_self_attention_manipulation(std::move(block), {}, {}, coherence_factor, "enhance");
}
UNetPatcher& UNetPatcher::create_attention_barrier(Region region, double barrier_strength, std::string block) {
  return suppress_region_interaction(region, !region, barrier_strength, block)
      .suppress_region_interaction(!region, region, barrier_strength, block);
}

}  // namespace corepulse
