#include "sweep/together.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "base/fail.h"

namespace corepulse::sweep {

Together::Together(Artist& artist, int together)
    : artist_(artist), fastest_(together == 0), most_(together > 0 ? static_cast<size_t>(together) : kMost) {
  if (together < 0)
    fail(ErrorCode::invalid_request, "together",
         fmt::format("{} cells; expected a number from 1, or 0 for as many as are fastest", together));
}

size_t Together::draw(std::vector<Order> orders, const Keep& keep) {
  orders.resize(std::min(orders.size(), most_), orders[0]);
  orders.resize(artist_.together(orders, fastest_), orders[0]);
  if (auto all = in_one_call(orders)) {
    for (size_t i = 0; i < orders.size(); ++i) keep(i, std::move((*all)[i]));
    return orders.size();
  }
  size_t i = 0;
  while (i < orders.size() && keep(i, artist_.draw(*orders[i].recipe, orders[i].folder))) ++i;
  return orders.size();
}

/** Absent: they must be drawn one by one. */
std::optional<std::vector<Drawn>> Together::in_one_call(const std::vector<Order>& orders) {
  if (orders.size() == 1) return {};
  try {
    return artist_.draw_together(orders);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::cancelled) throw;
    if (error.code() == ErrorCode::out_of_memory) most_ = std::max<size_t>(1, orders.size() / 2);
    return {};
  }
}

}  // namespace corepulse::sweep
