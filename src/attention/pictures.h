#pragma once
// What picture prompts give attention to read.

#include <functional>

#include "base/tensor.h"
#include "control/plan.h"

namespace corepulse::attention {

/** Keys and values of one source. */
struct KeyValue {
  mx::array k, v;  // [1 or B, T, H*D]
};

/** Of a source of kind picture or no_picture at a cross-attention layer: [1, T, H*D]. Asked once for each in a run. */
using Pictures = std::function<KeyValue(const control::Source& source, const control::Site& site)>;

}  // namespace corepulse::attention
