#include "corepulse/corepulse_adapter.h"

#include <fmt/format.h>

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

}  // namespace corepulse
