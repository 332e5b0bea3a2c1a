#pragma once
// Shares: which part of the picture makes which reading.

#include <functional>

#include "attention/pass.h"

namespace corepulse::attention {

/** True if every pixel belongs wholly to one reading, for all heads alike, and none needs to see the others' pixels. */
bool is_partition(const std::vector<control::Reading>& readings);

/** One reading of the given query rows [1, n, C] -> [1, n, C]. */
using ReadFunction = std::function<mx::array(const mx::array& q, const control::Reading& reading)>;

/** All readings of one row, blended by their shares: q [1, N, C] -> [1, N, C]. */
mx::array blend(const mx::array& q, const std::vector<control::Reading>& readings, int heads, RunCache& cache,
                const ReadFunction& read);

/** A partition: each reading computes its own pixels of q [1, N, C]; the result is in the order of
 * q. */
mx::array read_partition(const mx::array& q, const std::vector<control::Reading>& readings, const ReadFunction& read);

/** The reading's share as [1, N|1, C|1], to multiply its output with; ones if it has none. */
mx::array share_of(const control::Reading& reading, const mx::array& q, int heads, RunCache& cache);

}  // namespace corepulse::attention
