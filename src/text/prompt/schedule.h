#pragma once
// A1111's prompt editing: which text a step reads.

#include <string>
#include <string_view>
#include <vector>

namespace corepulse::text {

/**
 * By step, the prompt with its `[from:to:when]`, `[to:when]`, `[from::when]` and `[a|b|...]` decided; other syntax
 * stays. `when`: a number of steps, with a decimal point a share of them. A step i, counted from 0, reads `from` while
 * i + 1 is at most `when`, and the word (i mod n) of n by turns. Brackets that are none of these are text.
 * @param from_zero as A1111's program counts, a step later than it documents: the first step is decided twice.
 */
std::vector<std::string> texts_by_step(std::string_view written, int steps, bool from_zero = false);

}  // namespace corepulse::text
