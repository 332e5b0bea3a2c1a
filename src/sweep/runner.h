#pragma once
// The run of a sweep: what is drawn, in which order, and what is written when.

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "corepulse/sweep.h"

#include "sweep/artist.h"
#include "sweep/journal.h"
#include "sweep/plan.h"

namespace corepulse::sweep {

class Runner {
 public:
  /** Checks everything but the models. @throws as run_sweep. */
  Runner(const Sweep& sweep, const SweepOptions& options, Artist& artist);

  /** Checks what is to be drawn against its models. @throws Error. */
  SweepForecast forecast();
  SweepReport run();

 private:
  void look_into_folder();
  void draw(size_t cell, Journal& journal, size_t done);
  const Image& plain(size_t number, Journal& journal);
  void compare(Row& row, const Image& image, const Recipe& recipe, const Image& bare);
  const std::vector<double>& outside_of(const Recipe& recipe, const Recipe& resolved, const Image& image);
  void check_model(const Recipe& asked, const std::string& fingerprint);

  const SweepOptions& options_;
  Artist& artist_;
  Plan plan_;
  io::Json head_;
  Found found_;
  size_t entries_ = 0;           // of the journal that found_ was read from
  std::vector<size_t> pending_;  // model by model
  std::vector<size_t> pending_plain_;
  std::map<std::string, std::string> models_;  // fingerprint by what the recipe names
  std::optional<size_t> plain_number_;         // of plain_image_
  Image plain_image_;
  std::vector<Region> outside_regions_;
  std::vector<double> outside_;  // weights outside of them, for pictures of one size
  std::pair<int, int> outside_size_{};
};

}  // namespace corepulse::sweep
