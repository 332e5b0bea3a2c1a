#pragma once
// Attention, the one place where control is asked: it returns data, this layer computes.

#include <optional>

#include "attention/keys.h"
#include "attention/pass.h"
#include "control/site.h"
#include "nn/layers.h"

namespace corepulse::attention {

/** One attn1 (the picture looks at itself) or attn2 (the picture reads the text) of Diffusers'
 * BasicTransformerBlock. */
struct Attention {
  Attention(const nn::Weights& w, const control::Site& site, int channels, int context_width);

  /** x [B, N, C], already normalised -> [B, N, C]. */
  kernels::Sum operator()(const mx::array& x, const Pass& pass) const;

  control::Site site;
  nn::Linear to_q, to_k, to_v, to_out;

 private:
  std::optional<kernels::JoinedLinear> self_;  ///< Query, key and value of self-attention.
  /** What to_out is given: what the heads found, side by side. */
  mx::array heads(const mx::array& x, const control::AttentionPlan& plan, const Pass& pass) const;
  /** The queries of x, which to_q makes q of, with what stands beside the weights. */
  mx::array asked(const mx::array& x, const mx::array& q, const Pass& pass) const;
  /** Those of a reading of row `row` of q [B, N, C]: [1, N or 1, C]. */
  mx::array queries(const mx::array& q, const control::Reading& reading, int row, const CallKeys& keys,
                    const Pass& pass) const;
  /** Of these rows, of one reading each that is read without edits: [places, N, C]. */
  mx::array queries_of_plain(const mx::array& q, const control::AttentionPlan& plan, const std::vector<int>& places,
                             const CallKeys& keys, const Pass& pass) const;
  /** What the rows of q [B, N, C] find. */
  mx::array read_rows(const mx::array& q, const control::AttentionPlan& plan, CallKeys& keys, const Pass& pass) const;
  mx::array finish_rows(const mx::array& found, const mx::array& q, const control::AttentionPlan& plan, CallKeys& keys,
                        const Pass& pass) const;
  /** What the rows found, with the difference that a changed map makes. */
  mx::array show_maps(const mx::array& found, const mx::array& q, const control::AttentionPlan& plan, CallKeys& keys,
                      const Pass& pass) const;
  /** Of row r, float32 [1, N or 1, C]; nothing: none is changed. */
  std::optional<mx::array> show_maps_of(int r, const mx::array& q, const control::AttentionPlan& plan, CallKeys& keys,
                                        const Pass& pass) const;
  /** The keys and values of a reading with its gains. */
  KeyValue edited(const mx::array& q, const control::Reading& reading, KeyValue kv, const Pass& pass) const;
  /** One reading of the query rows q [1, N, C]; kv as CallKeys::of makes it. */
  mx::array read(const mx::array& q, const control::Reading& reading, KeyValue kv, const Pass& pass) const;
  /** The same by an attention function in place of ours. */
  mx::array read_by_function(const mx::array& q, const control::Reading& reading, const KeyValue& kv,
                             const std::optional<mx::array>& bias, const Pass& pass) const;
  /** For the captures that the plan names: maps of cross-attention, inputs of self-attention. */
  void watch(const mx::array& q, const control::AttentionPlan& plan, const mx::array& x, CallKeys& keys,
             const Pass& pass) const;
  mx::array attend(const mx::array& q, const KeyValue& kv, float temperature,
                   const std::optional<mx::array>& bias) const;
};

}  // namespace corepulse::attention
