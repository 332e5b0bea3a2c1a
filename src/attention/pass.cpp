#include "attention/pass.h"

namespace corepulse::attention {

const mx::array& RunCache::upload(const control::Values& values) {
  const auto found = uploads_.find(values);
  if (found != uploads_.end()) return found->second;
  // A curve makes new numbers at every step; old ones are then never asked for again.
  if (uploads_.size() > 4096) uploads_.clear();
  const int n = static_cast<int>(values->size());
  return uploads_.emplace(values, mx::array(values->begin(), {n}, mx::float32)).first->second;
}

}  // namespace corepulse::attention
