#pragma once
// Pictures in one call where that can be, one by one where not.

#include <functional>
#include <optional>
#include <vector>

#include "sweep/artist.h"

namespace corepulse::sweep {

class Together {
 public:
  /** As many as a UNet call of SDXL on a large GPU is faster with. */
  static constexpr size_t kMost = 8;

  /** @param together SweepOptions'. @throws Error{invalid_request} for a number below 0. */
  Together(Artist& artist, int together);

  /** How many orders one draw looks at. */
  size_t most() const { return most_; }

  /** Takes order `i` when it is drawn; false: the rest need not be drawn. */
  using Keep = std::function<bool(size_t i, Drawn drawn)>;
  /**
   * Draws the orders from the first on, as many as go together; where those fail, each by itself, so that the error is
   * that of the one at fault. @return how many that were: at least 1.
   */
  size_t draw(std::vector<Order> orders, const Keep& keep);

 private:
  std::optional<std::vector<Drawn>> in_one_call(const std::vector<Order>& orders);

  Artist& artist_;
  bool fastest_;
  size_t most_;
};

}  // namespace corepulse::sweep
