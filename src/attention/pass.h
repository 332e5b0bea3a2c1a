#pragma once
// What travels down a network with the picture: which moment it is, what control wants, what the texts say.

#include <map>
#include <unordered_map>
#include <vector>

#include "attention/instruments.h"
#include "base/tensor.h"
#include "control/plan.h"

namespace corepulse::attention {

/** Keys and values of one source. */
struct KeyValue {
  mx::array k, v;  // [1 or B, T, H*D]
};

/** Constants of a run, computed when first asked for: text keys and values by site, uploaded
 * control numbers. */
class RunCache {
 public:
  /** Keys and values of the text rows `ids` at a site, [B, T, H*D]; `project` makes those of one
   * text. */
  template <class Project>
  const KeyValue& texts(int site, const std::vector<control::TextId>& ids, Project project);
  /** The numbers as a float32 array [n]. */
  const mx::array& upload(const control::Values& values);

 private:
  std::map<std::pair<int, std::vector<control::TextId>>, KeyValue> texts_;
  // The shared pointer is kept so that its address stays the key of these numbers.
  std::unordered_map<control::Values, mx::array> uploads_;
};

/** Arguments of one call of a network besides its arrays. */
struct Pass {
  const control::Control& control;
  const control::Step& step;            ///< step.rows says whose each batch row is.
  const std::vector<mx::array>& texts;  ///< By TextId, [1, T, context_width] each.
  RunCache& cache;
  Instruments instruments = {};
};

template <class Project>
const KeyValue& RunCache::texts(int site, const std::vector<control::TextId>& ids, Project project) {
  const auto found = texts_.find({site, ids});
  if (found != texts_.end()) return found->second;
  if (ids.size() == 1) return texts_.emplace(std::pair{site, ids}, project(ids[0])).first->second;
  // Each text is projected alone, so a row's keys are the same bits whichever rows stand beside it.
  std::vector<mx::array> k, v;
  for (const auto id : ids) {
    const auto& one = texts(site, {id}, project);
    k.push_back(one.k), v.push_back(one.v);
  }
  return texts_.emplace(std::pair{site, ids}, KeyValue{mx::concatenate(k, 0), mx::concatenate(v, 0)}).first->second;
}

}  // namespace corepulse::attention
