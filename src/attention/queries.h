#pragma once
// Who asks: the queries of a reading.

#include <optional>

#include "attention/pass.h"

namespace corepulse::attention {

/** Of these rows of a call, each of one plain reading: q [B, N, C], its rows' own -> [places, N, C]. */
mx::array queries_of_rows(const mx::array& q, const std::vector<std::vector<control::Reading>>& rows,
                          const std::vector<int>& places, const control::Step& step);

/**
 * Of one reading of row `row` -> [1, N, C], or [1, 1, C] where all pixels ask the same.
 * @param recorded what the recording asked that asks for it, or that it is aligned with [1, N, C].
 */
mx::array queries_of(const mx::array& q, const control::Reading& reading, int row, const Pass& pass,
                     const std::optional<mx::array>& recorded);

}  // namespace corepulse::attention
