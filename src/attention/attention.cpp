#include "attention/attention.h"

#include <algorithm>
#include <cmath>

#include "attention/capture.h"
#include "attention/finish.h"
#include "attention/keys.h"
#include "attention/looks.h"
#include "attention/maps.h"
#include "attention/order.h"
#include "attention/queries.h"
#include "attention/share.h"
#include "kernels/attention.h"

namespace corepulse::attention {

using control::AttentionPlan;
using control::Reading;

namespace {

/** Positions of the text that a plain reading looks at: prompts of several chunks are longer than others. */
int length_of(const Reading& reading, const Pass& pass) {
  const auto& source = reading.sources[0];
  return source.kind == control::Source::Kind::text ? pass.texts.at(static_cast<size_t>(source.id)).shape(1) : 0;
}

/** The rows of one reading without edits each that are read as one: those with texts as long as the first's, and the
 * same beside the weights. */
std::vector<int> fused_rows(const std::vector<std::vector<Reading>>& rows, const Pass& pass) {
  std::vector<int> fused;
  for (size_t r = 0; r < rows.size(); ++r) {
    if (rows[r].size() != 1 || !rows[r][0].unedited()) continue;
    const auto& first = fused.empty() ? rows[r][0] : rows[static_cast<size_t>(fused.front())][0];
    if (length_of(rows[r][0], pass) == length_of(first, pass) && rows[r][0].beside == first.beside)
      fused.push_back(static_cast<int>(r));
  }
  return fused;
}

/** The changes beside the weights that all readings of all rows have; null: none, or not the same. */
const std::vector<int>* changes_of_all(const AttentionPlan& plan) {
  const auto& first = plan.rows.front().front().beside;
  for (const auto& row : plan.rows)
    for (const auto& reading : row)
      if (reading.beside != first) return nullptr;
  return first.empty() ? nullptr : &first;
}

}  // namespace

Attention::Attention(const nn::Weights& w, const control::Site& site_, int channels, int context_width)
    : site(site_),
      to_q(w / "to_q", channels, channels, false),
      to_k(w / "to_k", site_.cross ? context_width : channels, channels, false),
      to_v(w / "to_v", site_.cross ? context_width : channels, channels, false),
      to_out(w / "to_out" / 0, channels, channels) {
  if (!site.cross) self_.emplace(std::vector<kernels::Linear>{to_q, to_k, to_v});
}

kernels::Sum Attention::operator()(const mx::array& x, const Pass& pass) const {
  const AttentionPlan plan = pass.control.plan(site, pass.step);  // the control point
  const auto found = heads(seen(pass, Point::input, site.index, x), plan, pass);
  auto out = to_out(found, pass.beside);
  if (!plan.orders.empty()) out = reordered(out, plan.orders, pass.cache);
  auto* probe = pass.instruments.probe;
  if (!probe || !probe->wants(Point::output, site.index, pass.step)) return out;
  // Seen apart: `out` waits for what it is added to, and is the same bits as if nobody looked.
  const auto apart = to_out(found, pass.beside).array();
  const auto instead = probe->see(Point::output, site.index, pass.step, apart);
  if (instead.id() == apart.id()) return out;
  const auto change = mx::astype(instead, mx::float32) - mx::astype(apart, mx::float32);
  return out.then(
      [change](const mx::array& made) { return mx::astype(mx::astype(made, mx::float32) + change, made.dtype()); });
}

mx::array Attention::heads(const mx::array& x, const AttentionPlan& plan, const Pass& pass) const {
  // On the CPU these are lazy products of their own, of which those that nobody asks for are never made.
  const auto projected = self_ ? (*self_)(x) : std::vector<mx::array>{to_q(x)};
  const auto* beside = self_ && kernels::on_cuda() && pass.beside ? changes_of_all(plan) : nullptr;
  const auto changed =
      beside ? pass.beside->joined({to_q.path, to_k.path, to_v.path}, x, *self_, *beside) : std::nullopt;
  const auto q = changed ? changed->at(0) : asked(x, projected[0], pass);
  CallKeys keys(site, to_k, to_v, x, pass, self_ ? std::optional(KeyValue{projected[1], projected[2]}) : std::nullopt);
  if (changed) keys.know(*beside, {changed->at(1), changed->at(2)});
  if (plan.looks && pass.instruments.looks) tell_looks(site, q, *plan.looks, keys, pass);
  if (!plan.captures.empty()) watch(q, plan, x, keys, pass);
  auto found = read_rows(q, plan, keys, pass);
  if (const auto* probe = pass.instruments.probe; probe && probe->wants(Point::map, site.index, pass.step))
    found = show_maps(found, q, plan, keys, pass);
  return plan.finishes.empty() ? found : finish_rows(found, q, plan, keys, pass);
}

mx::array Attention::asked(const mx::array& x, const mx::array& q, const Pass& pass) const {
  if (!pass.beside) return q;
  // Of the one product that CUDA makes of query, key and value, q is there already.
  return self_ && kernels::on_cuda() ? pass.beside->added(to_q.path, x, q) : to_q(x, pass.beside).array();
}

mx::array Attention::queries(const mx::array& q, const Reading& reading, int row, const CallKeys& keys,
                             const Pass& pass) const {
  const auto& source = reading.query ? reading.query : reading.align;
  if (!source || source->kind != control::Source::Kind::recording) return queries_of(q, reading, row, pass, {});
  const auto x = keys.hidden_states(*source, row);
  return queries_of(q, reading, row, pass, asked(x, to_q(x), pass));
}

mx::array Attention::queries_of_plain(const mx::array& q, const AttentionPlan& plan, const std::vector<int>& places,
                                      const CallKeys& keys, const Pass& pass) const {
  using control::Source;
  const auto asks = [&](int place) {
    return plan.rows[static_cast<size_t>(place)][0].query.value_or(Source{Source::Kind::own});
  };
  const bool recorded =
      std::any_of(places.begin(), places.end(), [&](int place) { return asks(place).kind == Source::Kind::recording; });
  if (!recorded) return queries_of_rows(q, plan.rows, places, pass.step);
  // Hidden states are gathered before they are projected, as CallKeys does.
  std::vector<mx::array> states;
  for (const int place : places) states.push_back(keys.hidden_states(asks(place), place));
  const auto x = mx::concatenate(states, 0);
  return asked(x, to_q(x), pass);
}

mx::array Attention::read_rows(const mx::array& q, const AttentionPlan& plan, CallKeys& keys, const Pass& pass) const {
  // Rows of one plain reading each are one fused call, whoever chose its sources.
  const auto fused = fused_rows(plan.rows, pass);
  const auto read_fused = [&] {
    return attend(queries_of_plain(q, plan, fused, keys, pass), keys.of_rows(plan.rows, fused), 1, {});
  };
  if (fused.size() == plan.rows.size()) return read_fused();
  std::optional<mx::array> together;
  if (fused.size() > 1) together = read_fused();
  std::vector<mx::array> rows;
  size_t next = 0;  // of those that are fused
  for (int r = 0; r < q.shape(0); ++r) {
    if (together && next < fused.size() && fused[next] == r) {
      rows.push_back(row_of(*together, static_cast<int>(next++)));
      continue;
    }
    const Reader reader{[&](const Reading& reading) { return queries(q, reading, r, keys, pass); },
                        [&](const mx::array& queries, const Reading& reading) {
                          return read(queries, reading, keys.of(reading, r), pass);
                        }};
    // A reading for which all pixels ask the same has one answer.
    rows.push_back(mx::broadcast_to(blend(plan.rows[r], site.heads, pass.cache, reader), {1, q.shape(1), q.shape(2)}));
  }
  return mx::concatenate(rows, 0);
}

mx::array Attention::finish_rows(const mx::array& found, const mx::array& q, const AttentionPlan& plan, CallKeys& keys,
                                 const Pass& pass) const {
  std::vector<mx::array> rows;
  for (int r = 0; r < q.shape(0); ++r) {
    const Reader reader{
        [&](const Reading&) { return row_of(q, r); },
        [&](const mx::array& own, const Reading& reading) { return read(own, reading, keys.of(reading, r), pass); }};
    auto z = row_of(found, r);
    for (const auto& finish : plan.finishes[r])
      z = finished(z, blend(finish.against, site.heads, pass.cache, reader), finish, pass.cache);
    rows.push_back(z);
  }
  return rows.size() == 1 ? rows[0] : mx::concatenate(rows, 0);
}

mx::array Attention::attend(const mx::array& q, const KeyValue& kv, float temperature,
                            const std::optional<mx::array>& bias) const {
  const float head_size = static_cast<float>(to_q.out() / site.heads);
  // An infinite temperature makes every logit 0: the mean of V.
  return kernels::attention(q, kv.k, kv.v,
                            {.heads = site.heads, .scale = 1 / (std::sqrt(head_size) * temperature), .bias = bias});
}

mx::array Attention::show_maps(const mx::array& found, const mx::array& q, const AttentionPlan& plan, CallKeys& keys,
                               const Pass& pass) const {
  std::vector<mx::array> rows;
  bool changed = false;
  for (int r = 0; r < q.shape(0); ++r) {
    rows.push_back(row_of(found, r));
    const auto change = show_maps_of(r, q, plan, keys, pass);
    if (!change) continue;
    rows.back() = mx::astype(mx::astype(rows.back(), mx::float32) + *change, found.dtype());
    changed = true;
  }
  return changed ? mx::concatenate(rows, 0) : found;
}

std::optional<mx::array> Attention::show_maps_of(int r, const mx::array& q, const AttentionPlan& plan, CallKeys& keys,
                                                 const Pass& pass) const {
  std::optional<mx::array> sum;
  for (int i = 0; i < static_cast<int>(plan.rows[r].size()); ++i) {
    const auto& reading = plan.rows[r][i];
    if (reading.identity || reading.function >= 0) continue;
    Logits logits{queries(q, reading, r, keys, pass),
                  edited(q, reading, keys.of(reading, r), pass),
                  {},
                  reading.temperature,
                  site.heads};
    if (reading.bias) logits.bias = mx::reshape(pass.cache.upload(reading.bias), {1, -1});
    const auto map = map_of(logits);
    const auto instead = pass.instruments.probe->see_map(site.index, pass.step, r, i, map);
    if (instead.id() == map.id()) continue;
    const auto part = times_share(found_by(instead - map, logits), reading, site.heads, pass.cache);
    sum = sum ? *sum + part : part;
  }
  return sum;
}

KeyValue Attention::edited(const mx::array& q, const Reading& reading, KeyValue kv, const Pass& pass) const {
  const auto column = [&](const control::Values& values) {
    return mx::astype(mx::reshape(pass.cache.upload(values), {1, -1, 1}), q.dtype());
  };
  if (reading.key_gain) kv.k = kv.k * column(reading.key_gain);
  if (reading.value_gain) kv.v = kv.v * column(reading.value_gain);
  if (reading.value_gain && reading.map) kv.v = pass.cache.mapped(reading.map, kv.v);
  return kv;
}

mx::array Attention::read(const mx::array& q, const Reading& reading, KeyValue kv, const Pass& pass) const {
  const int keys = kv.k.shape(1);
  kv = edited(q, reading, std::move(kv), pass);
  if (reading.identity) return kv.v;
  std::optional<mx::array> bias;
  if (reading.bias) bias = mx::reshape(pass.cache.upload(reading.bias), {1, keys});
  if (reading.function >= 0) return read_by_function(q, reading, kv, bias, pass);
  return attend(q, kv, reading.temperature, bias);
}

mx::array Attention::read_by_function(const mx::array& q, const Reading& reading, const KeyValue& kv,
                                      const std::optional<mx::array>& bias, const Pass& pass) const {
  const auto heads_apart = [&](const mx::array& x) {
    return mx::transpose(mx::reshape(x, {x.shape(0), x.shape(1), site.heads, -1}), {0, 2, 1, 3});
  };
  FunctionInput in{heads_apart(q), heads_apart(kv.k), heads_apart(kv.v), {}};
  if (reading.temperature != 1) in.q = in.q * like(1 / reading.temperature, q);
  if (bias) in.bias = mx::reshape(*bias, {1, 1, 1, -1});
  const auto out = pass.instruments.functions(reading.function, pass.step)(in, site, pass.step);
  check_shape(out, in.q.shape(), site.path.c_str());
  return mx::reshape(mx::transpose(mx::astype(out, q.dtype()), {0, 2, 1, 3}), q.shape());
}

void Attention::watch(const mx::array& q, const AttentionPlan& plan, const mx::array& x, CallKeys& keys,
                      const Pass& pass) const {
  if (!site.cross) {
    for (size_t r = 0; r < plan.rows.size() && pass.instruments.recorder; ++r)
      for (const int capture : plan.captures)
        pass.instruments.recorder->record(capture, pass.step, pass.step.rows[r], site, row_of(x, static_cast<int>(r)));
    return;
  }
  const auto read_indicator = [&](int row, const Indicator& indicator) {
    const Reader reader{[&](const Reading& reading) { return queries(q, reading, row, keys, pass); },
                        [&](const mx::array& queries, const Reading& reading) {
                          std::vector<mx::array> values;
                          for (const auto& source : reading.says())
                            values.push_back(source.pictured()
                                                 ? mx::zeros_like(keys.of({.sources = {source}}, row).v)  // no words
                                                 : indicator(source.id));
                          KeyValue kv{keys.of(reading, row).k, mx::astype(mx::concatenate(values, 1), q.dtype())};
                          if (reading.map) kv.v = pass.cache.mapped(reading.map, kv.v);
                          auto attention = reading;
                          attention.value_gain = nullptr;  // what is looked at, not what it says
                          return read(queries, attention, kv, pass);
                        }};
    return blend(plan.rows[row], site.heads, pass.cache, reader);
  };
  if (pass.instruments.observer) observe(site, plan.captures, q.shape(2), pass, read_indicator);
}

}  // namespace corepulse::attention
