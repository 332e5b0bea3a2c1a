#pragma once
// The drawing half of SweepWorker, by any artist.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/artist.h"
#include "sweep/drawn_rows.h"
#include "sweep/plan.h"

namespace corepulse::sweep {

class Worker {
 public:
  Worker(const Sweep& sweep, std::filesystem::path folder, Artist& artist);
  std::vector<std::string> draw(std::string_view job);

 private:
  /** A plain picture that this worker drew: its file, and what drew it. */
  struct Plain {
    std::string file, recipe;
  };
  std::optional<Plain> take_plain(size_t number, std::string_view file);
  std::string draw_cell(size_t cell, const std::optional<Plain>& plain);

  std::filesystem::path folder_;
  std::string sha256_;  // of the sweep
  Artist& artist_;
  Plan plan_;
  DrawnRows rows_;
  std::optional<size_t> plain_number_;  // of plain_image_
  Image plain_image_;
};

}  // namespace corepulse::sweep
