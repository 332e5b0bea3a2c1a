#pragma once
// What share and features have in common: they take from an image of the batch, or from a recorded run.

#include <algorithm>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "base/names.h"
#include "control/inputs.h"
#include "control/quote.h"
#include "control/recipe/check.h"

namespace corepulse::control {

/** What a short form begins with, for errors. */
inline constexpr const char* kImageOrRecording = "the number of an image of the batch, or the file of a recording";

/** "0" is an image of the batch; a recording's file has a longer name. */
inline bool is_index(const std::string& text) {
  return text.size() < 10 && text.find_first_not_of("0123456789") == text.npos;
}

/** @throws Error{invalid_request} unless it says exactly one of them. */
template <class E>
void check_source(const E& e, const std::string& path) {
  if (e.image.has_value() == !e.recording.empty())
    refuse(path, "expected either image (an index in the batch) or recording (a name)");
  if (!e.sha256.empty() && e.recording.empty()) refuse(path + ".sha256", "it belongs to a recording; leave it out");
}

/** @throws Error{invalid_request} for a recording that the run does not have. */
template <class E>
Source source_of(const E& e, const std::vector<RecordingInfo>& recordings, const std::string& path) {
  if (e.image) return {Source::Kind::image, *e.image};
  std::vector<std::string> names;
  for (const auto& recording : recordings) names.push_back(recording.name);
  const auto found = std::find(names.begin(), names.end(), e.recording);
  if (found == names.end())
    refuse(path + ".recording",
           fmt::format("no recording {} is loaded; {}", quote(e.recording), choices(e.recording, names)));
  return {Source::Kind::recording, static_cast<int>(found - names.begin())};
}

}  // namespace corepulse::control
