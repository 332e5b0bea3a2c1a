#pragma once
// Shares: which part of the picture makes which reading.

#include <functional>

#include "attention/pass.h"

namespace corepulse::attention {

/** True if every pixel belongs wholly to one reading of it alone, for all heads alike. */
bool is_partition(const std::vector<control::Reading>& readings);

/** How the readings of one row are made. */
struct Reader {
  /** The queries of a reading: [1, N or 1, C]. */
  std::function<mx::array(const control::Reading& reading)> queries;
  /** What a reading finds for some of its queries [1, n, C] -> [1, n, C]. */
  std::function<mx::array(const mx::array& q, const control::Reading& reading)> read;
};

/** All readings of one row, blended by their shares -> [1, N, C]. */
mx::array blend(const std::vector<control::Reading>& readings, int heads, RunCache& cache, const Reader& reader);

/** A partition: each reading computes its own pixels; the result is in the order of all. */
mx::array read_partition(const std::vector<control::Reading>& readings, const Reader& reader);

/** `part` [1, N or 1, C] times the reading's share of it, [1, N|1, H|1]. */
mx::array times_share(const mx::array& part, const control::Reading& reading, int heads, RunCache& cache);

}  // namespace corepulse::attention
