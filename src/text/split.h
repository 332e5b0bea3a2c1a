#pragma once
// The cut of a text into the pieces that byte-pair encoding sees one by one.

#include <span>
#include <vector>

#include "text/unicode.h"

namespace corepulse::text {

/**
 * The matches, in order, of CLIP's pattern
 *   <|startoftext|> | <|endoftext|> | 's | 't | 're | 've | 'm | 'll | 'd | \p{L}+ | \p{N} |
 * [^\s\p{L}\p{N}]+ cut once more by GPT-2's pattern as transformers does: "<|startoftext|>" gives
 * three pieces.
 */
std::vector<std::span<const Char>> split(std::span<const Char> text);

}  // namespace corepulse::text
