#pragma once
// What the rows of one attention call look at: keys and values of every source, each projected once however many
// readings look at it.

#include <map>
#include <optional>
#include <utility>

#include "attention/pass.h"
#include "control/site.h"
#include "nn/layers.h"

namespace corepulse::attention {

class CallKeys {
 public:
  /**
   * Of the call that turns x [B, N, C] at `site`; the arguments must outlive this. @param own what x itself gives,
   * where it looks at itself.
   */
  CallKeys(const control::Site& site, const nn::Linear& to_k, const nn::Linear& to_v, const mx::array& x,
           const Pass& pass, std::optional<KeyValue> own)
      : site_(site), to_k_(to_k), to_v_(to_v), x_(x), pass_(pass), own_(std::move(own)) {}

  /** What x itself gives, with the changes of these ids. */
  void know(const std::vector<int>& beside, KeyValue changed) { changed_.emplace(beside, std::move(changed)); }
  /** For these rows of the call, of one unedited reading each and the same beside the weights: [places, T, C]. */
  KeyValue of_rows(const std::vector<std::vector<control::Reading>>& rows, const std::vector<int>& places);
  /**
   * Of all sources of one reading, one after the other: [1, T, C]. The values are those of the reading's map, if it has
   * one and no gain comes before.
   */
  KeyValue of(const control::Reading& reading, int row);
  /** What a source of self-attention is to row `row`, before it is projected: [1, N, C]. */
  mx::array hidden_states(const control::Source& source, int row) const;

 private:
  KeyValue project(const mx::array& x) const { return {to_k_(x), to_v_(x)}; }
  /** What x itself gives, with these changes that stand beside the weights. @param alone nobody asks for it without. */
  const KeyValue& own(const std::vector<int>& beside, bool alone);
  const KeyValue& texts(const std::vector<RunCache::TextPair>& rows) const;
  /** The same with these changes; no row has a map. */
  KeyValue texts(const std::vector<RunCache::TextPair>& rows, const std::vector<int>& beside) const;
  /** Of source `i` of a reading. */
  KeyValue of_text(const control::Reading& reading, size_t i) const;
  KeyValue of_picture(const control::Reading& reading, size_t i, int row);
  /** Of a source of self-attention: [1, N, C], with these changes. */
  KeyValue of_picture(const control::Source& source, int row, const std::vector<int>& beside);
  /** kv, which keys_of and values_of [B, T, C'] give, with these changes. */
  KeyValue changed(const KeyValue& kv, const std::vector<int>& beside, const mx::array& keys_of,
                   const mx::array& values_of) const;
  const KeyValue& recorded(int recording, int row);
  const control::Site& site_;
  const nn::Linear &to_k_, &to_v_;
  const mx::array& x_;
  const Pass& pass_;
  std::optional<KeyValue> own_;                        ///< Of the pictures of this batch.
  std::map<std::vector<int>, KeyValue> changed_;       ///< The same with changes.
  std::map<std::pair<int, bool>, KeyValue> recorded_;  ///< By recording and role.
};

/** Row `row` of a batch, as a batch of one. */
mx::array row_of(const mx::array& x, int row);
/** These rows of a batch. */
mx::array rows_of(const mx::array& x, const std::vector<int>& rows);
/** x [1, N, C] with the mean and the deviation over tokens of `style`, channel by channel (StyleAligned's AdaIN). */
mx::array aligned(const mx::array& x, const mx::array& style);
/** The row of the call that a source of kind own or image means to row `row`. */
int row_of(const control::Source& source, const control::Step& step, int row);

}  // namespace corepulse::attention
