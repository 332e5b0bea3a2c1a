#include "attention/keys.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::attention {
namespace {

using control::Reading;
using control::Source;

bool looks_at_itself(const Reading& reading) {
  return reading.sources[0].kind == Source::Kind::own && reading.says()[0].kind == Source::Kind::own;
}

RunCache::TextPair text_pair(const Reading& reading, size_t source) {
  return {reading.sources[source].id, reading.says()[source].id, reading.value_gain ? nullptr : reading.map};
}

}  // namespace

mx::array row_of(const mx::array& x, int row) {
  auto start = mx::Shape(x.ndim(), 0);
  auto stop = x.shape();
  start[0] = row, stop[0] = row + 1;
  return mx::slice(x, start, stop);
}

mx::array rows_of(const mx::array& x, const std::vector<int>& rows) {
  return mx::take(x, mx::array(rows.begin(), {static_cast<int>(rows.size())}), 0);
}

mx::array aligned(const mx::array& x, const mx::array& style) {
  constexpr float kEpsilon = 1e-5f;
  const auto deviation = [](const mx::array& a) { return mx::sqrt(mx::var(a, 1, true, 1) + mx::array(kEpsilon)); };
  const auto own = mx::astype(x, mx::float32), other = mx::astype(style, mx::float32);
  const auto normal = (own - mx::mean(own, 1, true)) / deviation(own);
  return mx::astype(normal * deviation(other) + mx::mean(other, 1, true), x.dtype());
}

int row_of(const Source& source, const control::Step& step, int row) {
  if (source.kind == Source::Kind::own) return row;
  const auto& rows = step.rows;
  for (const auto role : {rows[row].role, control::kPrompt}) {
    const auto found = std::find(rows.begin(), rows.end(), control::Row{source.id, role});
    if (found != rows.end()) return static_cast<int>(found - rows.begin());
  }
  fail(ErrorCode::internal, "attention", fmt::format("image {} is not in this batch", source.id));
}

KeyValue CallKeys::of_rows(const std::vector<std::vector<Reading>>& rows, const std::vector<int>& places) {
  const auto reading = [&](int place) -> const Reading& { return rows[static_cast<size_t>(place)][0]; };
  const auto& beside = reading(places.front()).beside;
  if (site_.cross) {
    std::vector<RunCache::TextPair> pairs;
    for (const int place : places) pairs.push_back(text_pair(reading(place), 0));
    return beside.empty() ? texts(pairs) : texts(pairs, beside);
  }
  if (std::all_of(places.begin(), places.end(), [&](int place) { return looks_at_itself(reading(place)); })) {
    const auto& kv = own(beside, places.size() == rows.size());
    return places.size() == rows.size() ? kv : KeyValue{rows_of(kv.k, places), rows_of(kv.v, places)};
  }
  // Hidden states are gathered before they are projected: the same matrices as in a plain call, and so its bits where
  // the hidden states are the same.
  std::vector<mx::array> keys, values;
  for (const int place : places) {
    keys.push_back(hidden_states(reading(place).sources[0], place));
    values.push_back(hidden_states(reading(place).says()[0], place));
  }
  const auto keys_of = mx::concatenate(keys, 0), values_of = mx::concatenate(values, 0);
  const KeyValue kv{to_k_(keys_of), to_v_(values_of)};
  return beside.empty() ? kv : changed(kv, beside, keys_of, values_of);
}

const KeyValue& CallKeys::own(const std::vector<int>& beside, bool alone) {
  if (beside.empty()) return *own_;
  const auto found = changed_.find(beside);
  if (found != changed_.end()) return found->second;
  const auto at_once = [&](const nn::Linear& layer) { return pass_.beside->whole(layer.path, x_, layer, beside); };
  // On CUDA the three products are one, whatever is asked of them.
  const auto kv =
      alone && !kernels::on_cuda() ? KeyValue{at_once(to_k_), at_once(to_v_)} : changed(*own_, beside, x_, x_);
  return changed_.emplace(beside, kv).first->second;
}

KeyValue CallKeys::of(const Reading& reading, int row) {
  std::vector<mx::array> k, v;
  for (size_t i = 0; i < reading.sources.size(); ++i) {
    const auto& source = reading.sources[i];
    auto one = source.kind == Source::Kind::text ? of_text(reading, i)
               : source.pictured()               ? pass_.cache.pictures(site_, source, pass_.instruments.pictures)
                                                 : of_picture(reading, i, row);
    k.push_back(std::move(one.k)), v.push_back(std::move(one.v));
  }
  if (k.size() == 1) return {k[0], v[0]};
  return {mx::concatenate(k, 1), mx::concatenate(v, 1)};
}

KeyValue CallKeys::of_text(const Reading& reading, size_t i) const {
  if (reading.beside.empty()) return texts({text_pair(reading, i)});
  auto kv = texts({{reading.sources[i].id, reading.says()[i].id, nullptr}}, reading.beside);
  if (reading.map && !reading.value_gain) kv.v = pass_.cache.mapped(reading.map, kv.v);
  return kv;
}

KeyValue CallKeys::of_picture(const Reading& reading, size_t i, int row) {
  const auto of = [&](const Source& key, const Source& value) {
    return KeyValue{of_picture(key, row, reading.beside).k, of_picture(value, row, reading.beside).v};
  };
  const auto& key = reading.sources[i];
  auto kv = of(key, reading.says()[i]);
  if (!reading.align) return kv;
  const bool keys = key.kind == Source::Kind::own;
  const bool values = reading.align_values && reading.says()[i].kind == Source::Kind::own;
  if (!keys && !values) return kv;
  const auto style = of(*reading.align, *reading.align);
  if (keys) kv.k = aligned(kv.k, style.k);
  if (values) kv.v = aligned(kv.v, style.v);
  return kv;
}

KeyValue CallKeys::changed(const KeyValue& kv, const std::vector<int>& beside, const mx::array& keys_of,
                           const mx::array& values_of) const {
  return {pass_.beside->whole(to_k_.path, keys_of, kv.k, beside),
          pass_.beside->whole(to_v_.path, values_of, kv.v, beside)};
}

const KeyValue& CallKeys::texts(const std::vector<RunCache::TextPair>& rows) const {
  return pass_.cache.texts(site_.index, rows, [&](int id) { return project(pass_.texts.at(id)); });
}

KeyValue CallKeys::texts(const std::vector<RunCache::TextPair>& rows, const std::vector<int>& beside) const {
  const auto& kv = texts(rows);
  std::vector<mx::array> keys, values;
  for (const auto& [key, value, map] : rows)
    keys.push_back(pass_.texts.at(key)), values.push_back(pass_.texts.at(value));
  const auto keys_of = mx::concatenate(keys, 0), values_of = mx::concatenate(values, 0);
  if (!kernels::on_cuda() || !pass_.beside->alike(to_k_.path, to_v_.path, beside))
    return changed(kv, beside, keys_of, values_of);
  const auto branches = pass_.beside->list(to_k_.path, beside);
  if (branches.empty()) return kv;
  // But for the strength, what is added is the same in every call.
  const auto& [own, added] = pass_.cache.in_parts(site_.index, rows, branches, [&] {
    const auto to_keys = nn::Branches::parts(branches, keys_of, kv.k);
    const auto to_values = nn::Branches::parts(pass_.beside->list(to_v_.path, beside), values_of, kv.v);
    std::vector<mx::array> both;
    for (size_t i = 0; i < to_keys.size(); ++i) both.push_back(mx::stack({to_keys[i], to_values[i]}));
    return RunCache::InParts{mx::stack({kv.k, kv.v}), both};
  });
  const auto sum = pass_.beside->sum(to_k_.path, own, added, beside);
  const auto part = [&](int i) { return mx::squeeze(attention::row_of(sum, i), 0); };
  return {part(0), part(1)};
}

KeyValue CallKeys::of_picture(const Source& source, int row, const std::vector<int>& beside) {
  if (source.kind == Source::Kind::recording) {
    const auto& kv = recorded(source.id, row);
    if (beside.empty()) return kv;
    const auto x = hidden_states(source, row);
    return changed(kv, beside, x, x);
  }
  const int from = row_of(source, pass_.step, row);
  const auto& kv = own(beside, false);
  return {attention::row_of(kv.k, from), attention::row_of(kv.v, from)};
}

const KeyValue& CallKeys::recorded(int recording, int row) {
  const std::pair key{recording, pass_.step.rows[row].conditional()};
  const auto found = recorded_.find(key);
  if (found != recorded_.end()) return found->second;
  return recorded_.emplace(key, project(hidden_states({Source::Kind::recording, recording}, row))).first->second;
}

mx::array CallKeys::hidden_states(const Source& source, int row) const {
  if (source.kind != Source::Kind::recording) return attention::row_of(x_, row_of(source, pass_.step, row));
  const auto x =
      mx::astype(pass_.instruments.recordings(source.id, site_, pass_.step, pass_.step.rows[row]), x_.dtype());
  check_shape(x, {1, x_.shape(1), x_.shape(2)}, "recording");
  return x;
}

}  // namespace corepulse::attention
