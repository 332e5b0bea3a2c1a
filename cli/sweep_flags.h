#pragma once
// The flags of commands that draw many cells, and what people see of it.

#include <CLI/CLI.hpp>
#include <string>

#include "corepulse/sweep.h"

namespace corepulse::cli {

struct SweepFlags {
  std::string folder, device = "auto", shard;
  int together = 0;
  bool resume = false, dry_run = false, quiet = false;
};

/** Adds them; the folder is flags.folder unless given. */
void add_sweep_flags(CLI::App& command, SweepFlags& flags);

/**
 * @param seed as --seed has it, "" if it has none. @throws Error{invalid_request}: it is random, where other calls or
 * processes have to draw cells of the same sweep.
 */
void check_seed(const std::string& seed, const SweepFlags& flags);

/** Says what there is to do, does it unless it is a dry run, and prints the files: names, or one JSON object. */
void draw_sweep(const Sweep& sweep, const SweepFlags& flags, bool json);

/** The table and sheets of what lies in a folder. */
void print_report(const SweepReport& report, bool quiet, bool json);

}  // namespace corepulse::cli
