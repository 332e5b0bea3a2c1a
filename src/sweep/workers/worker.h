#pragma once
// The drawing half of SweepWorker, by any artist.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/artist.h"
#include "sweep/drawn_rows.h"
#include "sweep/plan.h"
#include "sweep/together.h"
#include "sweep/workers/message.h"

namespace corepulse::sweep {

class Worker {
 public:
  /** @param together SweepOptions'. */
  Worker(const Sweep& sweep, std::filesystem::path folder, Artist& artist, int together = 0);
  size_t at_once();
  std::vector<std::string> draw(std::string_view job);

 private:
  /** A plain picture that this worker drew: its file, and what drew it. */
  struct Plain {
    std::string file, recipe;
  };
  /** A picture to draw: a cell's, or a plain one. */
  struct Item {
    bool plain = false;
    size_t number = 0;
  };
  /** The cells that a job names. @throws Error{bad_file}. */
  std::vector<size_t> cells_of(const Message& job) const;
  /** Lets go of plain pictures that these cells do not need, and takes those that were sent along. */
  void take_plain(const Message& job, const std::vector<size_t>& cells);
  /** The cells, and before the first one that needs it each plain picture that is not there. */
  std::vector<Item> items_of(const std::vector<size_t>& cells) const;
  void keep_plain(size_t number, Drawn drawn);
  std::string message_with(size_t cell, const Drawn& drawn);

  std::filesystem::path folder_;
  std::string sha256_;  // of the sweep
  Artist& artist_;
  Plan plan_;
  DrawnRows rows_;
  Together together_;
  bool fastest_;
  std::map<size_t, Image> plain_;  // by number
  std::map<size_t, Plain> own_;    // that go along with the first cell that needed them
};

}  // namespace corepulse::sweep
