#pragma once
// The regions and the files that controls name.

#include <string>
#include <type_traits>
#include <variant>

#include "corepulse/control.h"

namespace corepulse::pipeline {

constexpr int kDeepestRegion = 32;  // no deeper one is ever drawn

template <class Visit>
void visit_pictures(Region& region, Visit&& visit, int depth = 0) {
  if (region.shape == Region::Shape::picture) visit(region);
  if (depth < kDeepestRegion)
    for (auto& part : region.parts) visit_pictures(part, visit, depth + 1);
}

/** visit(region) for each region of the control, but not for what they are made of. */
template <class C, class Visit>
void each_region(C& control, Visit&& visit) {
  if (control.region) visit(*control.region);
  if (auto* regions = std::get_if<Regions>(&control.effect))
    for (auto& prompt : regions->prompts) visit(prompt.region);
  if (auto* attend = std::get_if<Attend>(&control.effect); attend && attend->target) visit(*attend->target);
  if (auto* net = std::get_if<ControlNet>(&control.effect); net && net->mask) visit(*net->mask);
}

/** visit(Region&) for every picture among the control's regions. */
template <class Visit>
void visit_pictures(Control& control, Visit&& visit) {
  each_region(control, [&](Region& region) { visit_pictures(region, visit); });
}

/** The fields of a control that reads a recorded run. */
template <class String>
struct RecordingFields {
  String *recording = nullptr, *sha256 = nullptr;
  explicit operator bool() const { return recording != nullptr; }
};

/** Those of the control: false if it reads none. */
template <class C>
auto recording_of(C& control) {
  RecordingFields<std::conditional_t<std::is_const_v<C>, const std::string, std::string>> found;
  const auto read = [&](auto* effect) {
    if (effect && !effect->image && !effect->recording.empty()) found = {&effect->recording, &effect->sha256};
  };
  read(std::get_if<Share>(&control.effect)), read(std::get_if<Features>(&control.effect));
  return found;
}

/** The control as a change of weights by an adapter file, or null. */
template <class C>
auto* adapter_of(C& control) {
  return std::get_if<Lora>(&control.effect);
}

/** The control as a side network with its picture, or null. */
template <class C>
auto* side_network_of(C& control) {
  return std::get_if<ControlNet>(&control.effect);
}

/** The control as pictures that are read beside the text, or null. */
template <class C>
auto* picture_prompt_of(C& control) {
  return std::get_if<PicturePrompt>(&control.effect);
}

}  // namespace corepulse::pipeline
