#pragma once
// What counts as success, in one place: for choosing variants and for the report.

#include "facts.h"
#include "readout.h"

namespace corepulse::efficacy {

inline bool shows_from(const Fact& f, const Pair& p) {
  return f.object == p.from.object;
}
inline bool shows_to(const Fact& f, const Pair& p) {
  return f.object == p.to.object;
}
inline bool keeps_scene(const Fact& f, const Pair& p) {
  return f.scene == p.from.scene;
}
/** Both objects, each most of what its half shows. */
inline bool both_placed(const Fact& f, const Pair& p) {
  return f.left == p.from.object && f.right == p.to.object;
}
/** The masked object is gone and the other one is there. */
inline bool masked_object(const Fact& f, const Pair& p) {
  return f.from_cells < kLeastCells && f.to_cells >= kLeastCells && keeps_scene(f, p);
}
/** The object is there in another colour than the one that was masked. */
inline bool masked_color(const Fact& f, const Pair& p) {
  return shows_from(f, p) && f.tint != p.from.tint && keeps_scene(f, p);
}

/** The model learned no brown objects. */
inline bool color_known(const Pair& p) {
  return p.from.color != "brown" && p.to.color != "brown";
}

}  // namespace corepulse::efficacy
