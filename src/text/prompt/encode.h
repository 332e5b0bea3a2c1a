#pragma once
// A prompt of weights and any length, encoded.

#include "text/clip_text_model.h"
#include "text/prompt/chunks.h"

namespace corepulse::text {

/**
 * context: [1, chunks * max_length, width], each chunk encoded on its own and weighed as the tool of that syntax does;
 * pooled: the first chunk's, without weights. With z a chunk's context, w its weights by position, e the context of the
 * empty prompt:
 *   a1111: w z, times mean(z) / mean(w z).
 *   comfy: e + w (z - e).
 *   compel: the same, and then for each run of tokens with w < 1 it leans to what the prompt is when nobody looks at
 * them: (y + sum_i tan((1 - w_i) pi / 2) y_i) / (1 + sum_i tan((1 - w_i) pi / 2)). In float32 where there are weights.
 * @throws as ClipTextModel::forward.
 */
TextEncoding encode(const ClipTextModel& model, const ClipTokenizer& tokenizer, const ChunkedPrompt& prompt,
                    const OutputRule& rule, PromptSyntax syntax, const AddedVectors& added = {});

}  // namespace corepulse::text
