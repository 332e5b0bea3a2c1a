#include "attention/pass.h"

#include <algorithm>
#include <iterator>

#include "mlx/ops.h"

namespace corepulse::attention {

void RunCache::forget_rows(int site) {
  const auto begin = texts_.lower_bound({site, {}}), end = texts_.lower_bound({site + 1, {}});
  const auto of_rows = [](const auto& entry) { return entry.first.second.size() > 1; };
  if (static_cast<size_t>(std::count_if(begin, end, of_rows)) < kMostOfRows) return;
  for (auto entry = begin; entry != end;) entry = of_rows(*entry) ? texts_.erase(entry) : std::next(entry);
}

const KeyValue& RunCache::pictures(const control::Site& site, const control::Source& source, const Pictures& made) {
  const std::tuple key{site.index, source.id, source.kind == control::Source::Kind::picture};
  const auto found = pictures_.find(key);
  if (found != pictures_.end()) return found->second;
  return pictures_.emplace(key, made(source, site)).first->second;
}

const mx::array& RunCache::upload(const control::Values& values) {
  const auto found = uploads_.find(values);
  if (found != uploads_.end()) return found->second;
  if (uploads_.size() > kMost) uploads_.clear();
  const int n = static_cast<int>(values->size());
  return uploads_.emplace(values, mx::array(values->begin(), {n}, mx::float32)).first->second;
}

mx::array RunCache::mapped(const control::Values& map, const mx::array& v) {
  const auto m = mx::astype(mx::reshape(upload(map), {1, -1, v.shape(1)}), v.dtype());
  return mx::matmul(m, v);
}

mx::array seen(const Pass& pass, Point point, int place, const mx::array& x) {
  auto* probe = pass.instruments.probe;
  return probe && probe->wants(point, place, pass.step) ? probe->see(point, place, pass.step, x) : x;
}

}  // namespace corepulse::attention
