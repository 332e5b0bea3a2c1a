#include "text/prompt/encode.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mlx/ops.h"

namespace corepulse::text {
namespace {

constexpr double kLeastWeight = 1e-5;  // compel: a run of weight 0 leans as far as one of this

/** Weights of one chunk, and where runs that weigh less than 1 are hidden. */
class Weigher {
 public:
  Weigher(const ClipTextModel& model, const ClipTokenizer& tokenizer, const ChunkedPrompt& prompt,
          const OutputRule& rule, const AddedVectors& added)
      : model_(model), tokenizer_(tokenizer), prompt_(prompt), rule_(rule), added_(added) {
    for (const auto& chunk : prompt.chunks) {
      ids_.push_back(chunk.ids);
      weights_.insert(weights_.end(), chunk.weights.begin(), chunk.weights.end());
    }
  }

  TextEncoding operator()(PromptSyntax syntax) const {
    auto encoding = model_.forward(ids_, rule_, {}, added_);
    const int chunks = encoding.context.shape(0), length = encoding.context.shape(1), width = encoding.context.shape(2);
    if (chunks > 1) encoding.pooled = mx::slice(encoding.pooled, {0, 0}, {1, encoding.pooled.shape(1)});
    if (syntax != PromptSyntax::plain &&
        std::any_of(weights_.begin(), weights_.end(), [](double weight) { return weight != 1; })) {
      const auto z = mx::astype(encoding.context, mx::float32);
      const auto weighed = syntax == PromptSyntax::a1111   ? keeping_the_mean(z)
                           : syntax == PromptSyntax::comfy ? from_empty(z)
                                                           : leaning(z);
      encoding.context = mx::astype(weighed, encoding.context.dtype());
    }
    encoding.context = mx::reshape(encoding.context, {1, chunks * length, width});
    return encoding;
  }

 private:
  /** [chunks, length, 1]. */
  mx::array weights() const {
    const std::vector<float> numbers(weights_.begin(), weights_.end());
    return mx::array(numbers.begin(), {static_cast<int>(ids_.size()), tokenizer_.max_length(), 1}, mx::float32);
  }

  mx::array keeping_the_mean(const mx::array& z) const {
    const auto weighed = z * weights();
    const std::vector<int> of_chunk{1, 2};
    return weighed * (mx::mean(z, of_chunk, true) / mx::mean(weighed, of_chunk, true));
  }

  mx::array from_empty(const mx::array& z) const {
    const auto e = empty();
    const auto w = weights();
    // At 1 not a bit changes.
    return mx::where(mx::equal(w, like(1, w)), z, e + w * (z - e));
  }
  mx::array empty() const {
    const auto ids = chunked(tokenizer_, {}, PromptSyntax::plain).chunks[0].ids;
    return mx::astype(model_.forward({ids}, rule_).context, mx::float32);
  }

  mx::array leaning(const mx::array& z) const {
    auto sum = from_empty(z);
    double total = 1;
    const auto& positions = prompt_.positions;
    const auto weight_at = [&](size_t token) { return weights_[static_cast<size_t>(positions[token])]; };
    for (size_t begin = 0, end = 0; begin < positions.size(); begin = end) {
      const double weight = weight_at(begin);
      for (end = begin; end < positions.size() && weight_at(end) == weight;) ++end;
      if (weight >= 1) continue;
      const double lean = std::tan((1 - std::max(kLeastWeight, weight)) * std::numbers::pi / 2);
      const auto without = model_.forward(ids_, rule_, hidden(positions[begin], positions[end - 1]), added_).context;
      sum = sum + from_empty(mx::astype(without, mx::float32)) * like(static_cast<float>(lean), sum);
      total += lean;
    }
    return sum * like(static_cast<float>(1 / total), sum);
  }

  /** By chunk, the positions first..last of the whole prompt but for the first and the last of each chunk. */
  std::vector<std::vector<int>> hidden(int first, int last) const {
    std::vector<std::vector<int>> all(ids_.size());
    const int length = tokenizer_.max_length();
    for (int position = first; position <= last; ++position)
      if (const int place = position % length; place > 0 && place < length - 1)
        all[static_cast<size_t>(position / length)].push_back(place);
    return all;
  }

  const ClipTextModel& model_;
  const ClipTokenizer& tokenizer_;
  const ChunkedPrompt& prompt_;
  const OutputRule& rule_;
  const AddedVectors& added_;
  std::vector<TokenIds> ids_;
  std::vector<double> weights_;  // by position of all chunks
};

}  // namespace

TextEncoding encode(const ClipTextModel& model, const ClipTokenizer& tokenizer, const ChunkedPrompt& prompt,
                    const OutputRule& rule, PromptSyntax syntax, const AddedVectors& added) {
  return Weigher(model, tokenizer, prompt, rule, added)(syntax);
}

}  // namespace corepulse::text
