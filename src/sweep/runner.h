#pragma once
// The run of a sweep by one process: what is drawn, in which order.

#include <optional>

#include "corepulse/sweep.h"

#include "sweep/artist.h"
#include "sweep/drawn_rows.h"
#include "sweep/ledger.h"

namespace corepulse::sweep {

class Runner {
 public:
  /** Checks everything but the models. @throws as run_sweep. */
  Runner(const Sweep& sweep, const SweepOptions& options, Artist& artist);

  /** Checks what is to be drawn against its models. @throws Error. */
  SweepForecast forecast();
  SweepReport run();

 private:
  void draw(size_t cell, size_t done);
  const Image& plain(size_t number);

  const SweepOptions& options_;
  Artist& artist_;
  Ledger ledger_;
  const Plan& plan_;
  DrawnRows rows_;
  std::optional<size_t> plain_number_;  // of plain_image_
  Image plain_image_;
};

}  // namespace corepulse::sweep
