#pragma once
// A sweep's folder: what of it is drawn, what is not, and how what was drawn comes into it.

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "corepulse/sweep.h"

#include "sweep/artist.h"
#include "sweep/files/same_files.h"
#include "sweep/journal.h"
#include "sweep/plan.h"

namespace corepulse::sweep {

/** Those of pictures, in a sweep's. @throws Error{io}. */
void make_folders(const std::filesystem::path& folder);

class Ledger {
 public:
  /** Looks into the folder and changes nothing. @param options outlive it. @throws as run_sweep, but for models. */
  Ledger(const Sweep& sweep, const SweepOptions& options);

  const Plan& sweep_plan() const { return plan_; }
  /** Cells that had no picture when the folder was looked into, model by model, and of a model shape by shape. */
  const std::vector<size_t>& pending() const { return pending_; }
  bool has(size_t cell) const { return found_.rows.count(cell) > 0; }
  bool has_plain(size_t number) const { return found_.plain.count(number) > 0; }

  /** Checks all that is pending against its models. @throws Error{invalid_request} listing what is wrong. */
  SweepForecast forecast(Artist& artist) const;

  /** Makes the folder and the journal: from now on nobody else draws into it. @throws Error{io}. */
  void open();

  /** Writes a picture under the name that it is given. */
  using Save = std::function<void(const std::filesystem::path& file)>;
  /**
   * The picture comes under its name when all of it is on the disk, and only then into the journal. Masks that its
   * recipe holds are files in the row's.
   * @throws Error invalid_request: it was drawn from other files than cells before; io.
   */
  void add(Row row, const Save& save);
  /** @param resolved what drew it. */
  void add_plain(size_t number, const Recipe& resolved, const Save& save);

  /** Writes the tables, and the sheets unless it is a shard. */
  SweepReport close(size_t drawn) const;

 private:
  void look_into_folder();
  void list_pending();

  const SweepOptions& options_;
  Plan plan_;
  io::Json head_;
  Found found_;
  size_t entries_ = 0;  // of the journal that found_ was read from
  std::vector<size_t> pending_, pending_plain_;
  SameFiles files_;
  std::unique_ptr<Journal> journal_;
};

}  // namespace corepulse::sweep
