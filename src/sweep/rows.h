#pragma once
// One row a cell: what the journal and the tables hold of it.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "io/json.h"
#include "sweep/expansion.h"

namespace corepulse::sweep {

struct Row {
  size_t cell = 0;
  uint64_t seed = 0;
  double seconds = 0;           ///< Of its drawing.
  std::optional<size_t> plain;  ///< The picture without controls that it was compared with; none: it is one.
  double difference = 0, ssim = 1;
  std::optional<double> outside_difference, outside_ssim;  ///< Outside of all regions of its controls.
  io::Json recipe;                                         ///< The resolved one, its paths seen from the folder.
};

using Table = std::map<size_t, Row>;

io::Json to_entry(const Row& row);
/** @throws Error{bad_file}. */
Row row_of(const io::Json& entry);

/** "cells/000012.png", "plain/000003.png", seen from the sweep's folder. */
std::string picture_name(size_t cell);
std::string plain_name(size_t number);

/** cells.csv and cells.jsonl: the rows in order. @return the former. */
std::filesystem::path write_tables(const Expansion& cells, const Table& rows, const std::filesystem::path& folder);

}  // namespace corepulse::sweep
