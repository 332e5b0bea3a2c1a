#include "control/program/besides/live.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "control/kind.h"
#include "control/program/report.h"
#include "control/quote.h"
#include "control/recipe/check.h"
#include "control/region/raster.h"

namespace corepulse::control {
namespace {

/** visit(region, path) for every region of the control, and of its effect. */
template <class Visit>
void each_region(const Placed& item, const Visit& visit) {
  if (!item.control) return;  // a user's function, which has none
  if (item.control->region) visit(*item.control->region, item.path + ".region");
  for (const auto& [region, path] : item.effect->regions()) visit(*region, item.path + path);
}

/** A region of shape attention: whose map it is made of, in which images. */
struct LiveUse {
  std::string name, path;
  std::vector<int> images;
};

class LiveCaptures {
 public:
  explicit LiveCaptures(const Context& context) : context_(context) {}

  /** The region of a control that acts on these images. */
  void add(const Region& region, const std::string& path, int control, const std::vector<int>& images) {
    if (region.shape == Region::Shape::attention) watch(region, path, control, images);
    for (size_t i = 0; i < region.parts.size(); ++i)
      add(region.parts[i], fmt::format("{}.parts[{}]", path, i), control, images);
  }
  std::vector<CaptureSpec> captures;
  std::vector<LiveUse> uses;

 private:
  void watch(const Region& region, const std::string& path, int control, const std::vector<int>& images) {
    const auto& in = context_.inputs;
    if (in.whole)
      refuse(path, "what is looked at is known of the part that is drawn alone; expected other shapes than attention");
    if (region.image) check_image(*region.image, context_, path + ".image");
    const Tokens tokens(region.phrase, region.occurrence);
    check_tokens(tokens, path);
    const auto name = live_name(region);
    uses.push_back({name, path, region.image ? std::vector{*region.image} : images});
    if (std::any_of(captures.begin(), captures.end(), [&](const auto& spec) { return spec.live == name; })) return;
    captures.push_back({.name = region.phrase,
                        .tokens = tokens,
                        .control = control,
                        .path = path + ".phrase",
                        .live = name,
                        .positions = {},
                        .sites = select(context_.sites, region.where, AttentionKind::cross, path + ".where"),
                        .calls = std::vector<bool>(in.calls.size(), true)});
  }
  const Context& context_;
};

/** What the prompt's row of an image may read: its prompts, and what is neither another's nor a negative one. */
class Readers {
 public:
  Readers(const StepInputs& steps, Context& context) : texts_(context.tables.texts) {
    prompts_.resize(static_cast<size_t>(context.inputs.batch));
    for (int call = 0; call < static_cast<int>(steps.plans.size()); ++call)
      for (size_t image = 0; image < prompts_.size(); ++image) prompts_[image].insert(prompts_at(steps, call)[image]);
    others_.insert(steps.negative.begin(), steps.negative.end());
    for (const auto& own : prompts_) others_.insert(own.begin(), own.end());
  }
  bool reads(int image, const CaptureSpec& spec) const {
    const auto& own = prompts_[static_cast<size_t>(image)];
    return std::any_of(spec.positions.begin(), spec.positions.end(), [&](const auto& text) {
      const int number = texts_.number(text.first);
      return own.count(number) > 0 || others_.count(number) == 0;
    });
  }
  std::string prompt(int image) const { return texts_.prompt(*prompts_[static_cast<size_t>(image)].begin()); }

 private:
  const TextTable& texts_;
  std::vector<std::set<int>> prompts_;
  std::set<int> others_;
};

void require_read(const LiveCaptures& live, const StepInputs& steps, Context& context) {
  const Readers readers(steps, context);
  for (const auto& use : live.uses) {
    const auto& spec = *std::find_if(live.captures.begin(), live.captures.end(),
                                     [&](const auto& capture) { return capture.live == use.name; });
    for (const int image : use.images)
      if (!readers.reads(image, spec))
        refuse(use.path + ".phrase", fmt::format("{} is in no text that image {} reads, whose prompt is {}; expected a "
                                                 "word of it, \"image\" of another, or \"images\" of the control",
                                                 quote(spec.name), image, quote(readers.prompt(image))));
  }
}

}  // namespace

bool has_live_region(const Placed& item) {
  bool live = false;
  each_region(item, [&](const Region& region, const std::string&) { live |= is_live(region); });
  return live;
}

std::string live_name(const Region& region) {
  return fmt::format("{} {} {}{}", region.occurrence, region.where.size(), region.where, region.phrase);
}

std::vector<std::string> looks_of(const Region& region) {
  std::vector<std::string> all;
  if (region.shape == Region::Shape::attention)
    all.push_back(quote(region.phrase) + (region.image ? fmt::format(" in image {}", *region.image) : ""));
  for (const auto& part : region.parts)
    for (auto& one : looks_of(part))
      if (std::find(all.begin(), all.end(), one) == all.end()) all.push_back(std::move(one));
  return all;
}

std::vector<CaptureSpec> live_captures(const std::vector<Placed>& placed, const StepInputs& steps, Context& context) {
  LiveCaptures live(context);
  for (const auto& item : placed)
    each_region(item, [&](const Region& region, const std::string& path) {
      if (is_live(region) && item.effect->hard_regions())
        refuse(path,
               "whole tokens are in the region or outside of it here, and it stays as it is (mode corepulse, guide_by "
               "with tokens); expected other shapes than attention, or mode standard");
      live.add(region, path, item.index, images_of(*item.control, context.inputs.batch));
    });
  for (const auto& blend : steps.blends)
    if (blend.live) live.add(*blend.live, context.path_of(blend.control) + ".region", blend.control, blend.images);
  live.captures = with_positions(std::move(live.captures), context);
  require_read(live, steps, context);
  return std::move(live.captures);
}

}  // namespace corepulse::control
