#pragma once
// Attention maps without attention matrices: where a value is 1 at the counted keys and 0 elsewhere, what a pixel reads
// is how much it looks at them. So a map costs one more read, with the same edits, shares and kernel, and no N x T
// matrix; each channel of a head carries another capture.

#include <functional>
#include <vector>

#include "attention/observer.h"
#include "attention/pass.h"

namespace corepulse::attention {

/** What row `row` reads if its text t (by TextId) has the values indicator(t) [1, T, H*D] -> [1, N, H*D]. */
using Indicator = std::function<mx::array(control::TextId text)>;
using ReadIndicator = std::function<mx::array(int row, const Indicator& indicator)>;

/** Hands the maps of one cross-attention call to pass.instruments.observer. @param channels H*D. */
void observe(const control::Site& site, const std::vector<int>& captures, int channels, const Pass& pass,
             const ReadIndicator& read);

}  // namespace corepulse::attention
