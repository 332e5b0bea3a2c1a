#pragma once
// The keeping half of SweepCoordinator: who draws what.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sweep/ledger.h"
#include "sweep/workers/message.h"

namespace corepulse::sweep {

class Coordinator {
 public:
  /** @param options outlive it. @param artist checks cells against their models, and draws nothing. */
  Coordinator(const Sweep& sweep, const SweepOptions& options, Artist& artist);

  std::string next(const std::string& worker, size_t most);
  void take(const std::string& worker, std::string_view drawn);
  void lose(const std::string& worker);
  size_t left() const { return ledger_.pending().size() - drawn_; }
  SweepReport finish() const { return ledger_.close(drawn_); }

 private:
  /** Cells of one model that are compared with one picture, or with none. */
  struct Group {
    std::string model;
    std::optional<size_t> plain;
    std::deque<size_t> cells;  // that nobody has
    std::set<std::string> workers;
  };
  /** What a worker has. */
  struct Hand {
    Group* group = nullptr;
    std::set<size_t> plain;  // the pictures that it has
    std::set<size_t> cells;  // to draw
  };

  void group_cells();
  Group* group_for(const Hand& hand);
  /** At most so many for a job, from one group or from several that nobody else draws. */
  std::vector<size_t> cells_for(const std::string& worker, Hand& hand, size_t most);
  /** Of what a worker drew. @throws Error{bad_file} for none of this sweep's. */
  Row row_in(const Message& drawn) const;
  void take_plain(const Row& row, const io::Json& recipe, std::string_view file);

  const SweepOptions& options_;
  std::string sha256_;  // of the sweep
  Ledger ledger_;
  std::vector<Group> groups_;
  std::map<size_t, size_t> group_of_;  // by cell
  std::map<std::string, Hand> hands_;
  size_t drawn_ = 0;
};

}  // namespace corepulse::sweep
