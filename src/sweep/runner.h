#pragma once
// The run of a sweep by one process: what is drawn, in which order.

#include <optional>
#include <vector>

#include "corepulse/sweep.h"

#include "sweep/artist.h"
#include "sweep/drawn_rows.h"
#include "sweep/ledger.h"
#include "sweep/together.h"

namespace corepulse::sweep {

class Runner {
 public:
  /** Checks everything but the models. @throws as run_sweep. */
  Runner(const Sweep& sweep, const SweepOptions& options, Artist& artist);

  /** Checks what is to be drawn against its models. @throws Error. */
  SweepForecast forecast();
  SweepReport run();

 private:
  /** A picture still to be drawn: a cell's, or a plain one. */
  struct Item {
    bool plain = false;
    size_t number = 0;
  };
  std::vector<Order> orders(size_t first) const;
  size_t draw(size_t first);
  bool keep(const Item& item, Drawn drawn);
  const Image& plain(size_t number);

  const SweepOptions& options_;
  Artist& artist_;
  Ledger ledger_;
  const Plan& plan_;
  DrawnRows rows_;
  std::vector<Item> items_;  // a plain picture before the first cell that is compared with it
  Together together_;
  size_t done_ = 0;                     // cells
  std::optional<size_t> plain_number_;  // of plain_image_
  Image plain_image_;
};

}  // namespace corepulse::sweep
