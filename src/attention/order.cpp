#include "attention/order.h"

#include "attention/keys.h"

namespace corepulse::attention {

kernels::Sum reordered(const kernels::Sum& out, const std::vector<control::Values>& orders, RunCache& cache) {
  std::vector<std::optional<mx::array>> places;
  for (const auto& order : orders)
    places.push_back(order ? std::optional(mx::astype(cache.upload(order), mx::int32)) : std::nullopt);
  return out.then([places](const mx::array& made) {
    std::vector<mx::array> rows;
    for (size_t r = 0; r < places.size(); ++r) {
      rows.push_back(row_of(made, static_cast<int>(r)));
      if (places[r]) rows.back() = mx::take(rows.back(), *places[r], 1);
    }
    return mx::concatenate(rows, 0);
  });
}

}  // namespace corepulse::attention
