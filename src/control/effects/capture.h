#pragma once
// Observers: controls that watch and change nothing.

#include <map>
#include <string>
#include <vector>

#include "control/inputs.h"

namespace corepulse::control {

/** An observer: which attention calls it watches, and which keys of each text. */
struct CaptureSpec {
  using What = Capture::What;
  std::string name;
  What what = What::map;
  Rows rows = Rows::cond;          ///< Of recordings: exactly those of its calls.
  std::vector<int> images, heads;  ///< Empty: all. Of recordings: one image.
  Tokens tokens;                   ///< Of maps.
  int control = -1;                ///< Its index in the list of controls,
  std::string path = {};           ///< and what errors call it.
  /** For a region of shape attention, not for the user: its live_name. Else "". */
  std::string live = {};
  /** The tokens' positions in each text that holds them; texts that are not listed are not counted. */
  std::map<TextId, std::vector<int>> positions;
  std::vector<bool> sites, calls;  ///< By index.
  std::vector<bool> resnets = {};  ///< Of features, which have no sites.
};

}  // namespace corepulse::control
