#include "unet/attention.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "kernels/attention.h"
#include "unet/share.h"

namespace corepulse::unet {

using control::AttentionPlan;
using control::Reading;
using control::Source;

namespace {

mx::array row_of(const mx::array& x, int row) {
  auto start = mx::Shape(x.ndim(), 0);
  auto stop = x.shape();
  start[0] = row, stop[0] = row + 1;
  return mx::slice(x, start, stop);
}

int row_of_image(const control::Step& step, int image, bool conditional) {
  for (size_t r = 0; r < step.rows.size(); ++r)
    if (step.rows[r].image == image && step.rows[r].conditional == conditional) return static_cast<int>(r);
  fail(ErrorCode::internal, "attention", fmt::format("image {} is not in this batch", image));
}

}  // namespace

Attention::Attention(const nn::Weights& w, const control::Site& site_, int channels, int context_width)
    : site(site_),
      to_q(w / "to_q", channels, channels, false),
      to_k(w / "to_k", site_.cross ? context_width : channels, channels, false),
      to_v(w / "to_v", site_.cross ? context_width : channels, channels, false),
      to_out(w / "to_out" / 0, channels, channels) {}

mx::array Attention::operator()(const mx::array& x, const Pass& pass) const {
  const AttentionPlan plan = pass.control.plan(site, pass.step);  // the control point
  const auto q = to_q(x);
  // Rows that each read one plain source are one fused call, whoever chose the source.
  const bool whole_rows = std::all_of(plan.rows.begin(), plan.rows.end(),
                                      [](const auto& readings) { return readings.size() == 1 && readings[0].plain(); });
  if (whole_rows) return to_out(attend(q, rows_of(x, plan, pass), 1, {}));
  std::vector<mx::array> rows;
  for (size_t r = 0; r < plan.rows.size(); ++r) rows.push_back(read_row(row_of(q, r), r, plan.rows[r], x, pass));
  return to_out(mx::concatenate(rows, 0));
}

mx::array Attention::attend(const mx::array& q, const KeyValue& kv, float temperature,
                            const std::optional<mx::array>& bias) const {
  const float head_size = static_cast<float>(to_q.out() / site.heads);
  // An infinite temperature makes every logit 0: the mean of V.
  return kernels::attention(q, kv.k, kv.v,
                            {.heads = site.heads, .scale = 1 / (std::sqrt(head_size) * temperature), .bias = bias});
}

KeyValue Attention::rows_of(const mx::array& x, const AttentionPlan& plan, const Pass& pass) const {
  if (site.cross) {
    std::vector<control::TextId> ids;
    for (const auto& readings : plan.rows) ids.push_back(readings[0].sources[0].id);
    return pass.cache.texts(site.index, ids,
                            [&](int id) { return KeyValue{to_k(pass.texts.at(id)), to_v(pass.texts.at(id))}; });
  }
  const KeyValue own{to_k(x), to_v(x)};
  const bool all_own = std::all_of(plan.rows.begin(), plan.rows.end(), [](const auto& readings) {
    return readings[0].sources[0].kind == Source::Kind::own;
  });
  if (all_own) return own;
  std::vector<mx::array> k, v;
  for (size_t r = 0; r < plan.rows.size(); ++r) {
    const auto one = keys_of(plan.rows[r][0], r, x, pass);
    k.push_back(one.k), v.push_back(one.v);
  }
  return {mx::concatenate(k, 0), mx::concatenate(v, 0)};
}

KeyValue Attention::keys_of(const Reading& reading, int row, const mx::array& x, const Pass& pass) const {
  std::vector<mx::array> k, v;
  for (const auto& source : reading.sources) {
    if (source.kind == Source::Kind::text) {
      const auto& text = pass.cache.texts(
          site.index, {source.id}, [&](int id) { return KeyValue{to_k(pass.texts.at(id)), to_v(pass.texts.at(id))}; });
      k.push_back(text.k), v.push_back(text.v);
      continue;
    }
    if (source.kind == Source::Kind::recording)
      fail(ErrorCode::internal, "attention", "recordings are read by the pipeline; this plan holds one unresolved");
    const int from =
        source.kind == Source::Kind::own ? row : row_of_image(pass.step, source.id, pass.step.rows[row].conditional);
    const auto picture = row_of(x, from);
    k.push_back(to_k(picture)), v.push_back(to_v(picture));
  }
  if (k.size() == 1) return {k[0], v[0]};
  return {mx::concatenate(k, 1), mx::concatenate(v, 1)};
}

mx::array Attention::read(const mx::array& q, const Reading& reading, KeyValue kv, RunCache& cache) const {
  const int keys = kv.k.shape(1);
  const auto per_key = [&](const control::Values& values) {
    return mx::astype(mx::reshape(cache.upload(values), {1, keys, 1}), q.dtype());
  };
  if (reading.key_gain) kv.k = kv.k * per_key(reading.key_gain);
  if (reading.value_gain) kv.v = kv.v * per_key(reading.value_gain);
  std::optional<mx::array> bias;
  if (reading.bias) bias = mx::reshape(cache.upload(reading.bias), {1, keys});
  return attend(q, kv, reading.temperature, bias);
}

mx::array Attention::read_row(const mx::array& q, int row, const std::vector<Reading>& readings, const mx::array& x,
                              const Pass& pass) const {
  const auto one = [&](const mx::array& queries, const Reading& reading) {
    return read(queries, reading, keys_of(reading, row, x, pass), pass.cache);
  };
  if (readings.size() == 1) return one(q, readings[0]);
  // Shares of 0 and 1 part the pixels: each is computed once, by the one reading that owns it.
  if (is_partition(readings)) return read_partition(q, readings, one);
  // Blending before to_out equals blending after it: to_out is affine and the shares sum to one.
  std::optional<mx::array> sum;
  for (const auto& reading : readings) {
    const auto part = one(q, reading) * share_of(reading, q, site.heads, pass.cache);
    sum = sum ? *sum + part : part;
  }
  return *sum;
}

}  // namespace corepulse::unet
