#include "attention/keys.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::attention {

using control::Reading;
using control::Source;

mx::array row_of(const mx::array& x, int row) {
  auto start = mx::Shape(x.ndim(), 0);
  auto stop = x.shape();
  start[0] = row, stop[0] = row + 1;
  return mx::slice(x, start, stop);
}

KeyValue CallKeys::of_rows(const std::vector<std::vector<Reading>>& rows) {
  if (site_.cross) {
    std::vector<control::TextId> ids;
    for (const auto& readings : rows) ids.push_back(readings[0].sources[0].id);
    return texts(ids);
  }
  const bool all_own = std::all_of(
      rows.begin(), rows.end(), [](const auto& readings) { return readings[0].sources[0].kind == Source::Kind::own; });
  if (all_own) return *own_;
  // Hidden states are gathered before they are projected: the same matrices as in a plain call, and so its bits where
  // the hidden states are the same.
  std::vector<mx::array> inputs;
  for (size_t r = 0; r < rows.size(); ++r) inputs.push_back(hidden_states(rows[r][0].sources[0], static_cast<int>(r)));
  return project(mx::concatenate(inputs, 0));
}

KeyValue CallKeys::of(const Reading& reading, int row) {
  std::vector<mx::array> k, v;
  for (const auto& source : reading.sources) {
    if (source.kind == Source::Kind::text) {
      const auto& text = texts({source.id});
      k.push_back(text.k), v.push_back(text.v);
    } else if (source.kind == Source::Kind::recording) {
      const auto& one = recorded(source.id, row);
      k.push_back(one.k), v.push_back(one.v);
    } else {
      const int from = row_of(source, row);
      k.push_back(attention::row_of(own_->k, from)), v.push_back(attention::row_of(own_->v, from));
    }
  }
  if (k.size() == 1) return {k[0], v[0]};
  return {mx::concatenate(k, 1), mx::concatenate(v, 1)};
}

const KeyValue& CallKeys::texts(const std::vector<control::TextId>& ids) const {
  return pass_.cache.texts(site_.index, ids, [&](int id) { return project(pass_.texts.at(id)); });
}

const KeyValue& CallKeys::recorded(int recording, int row) {
  const std::pair key{recording, pass_.step.rows[row].conditional};
  const auto found = recorded_.find(key);
  if (found != recorded_.end()) return found->second;
  return recorded_.emplace(key, project(hidden_states({Source::Kind::recording, recording}, row))).first->second;
}

mx::array CallKeys::hidden_states(const Source& source, int row) const {
  if (source.kind != Source::Kind::recording) return attention::row_of(x_, row_of(source, row));
  const auto x =
      mx::astype(pass_.instruments.recordings(source.id, site_, pass_.step, pass_.step.rows[row]), x_.dtype());
  check_shape(x, {1, x_.shape(1), x_.shape(2)}, "recording");
  return x;
}

int CallKeys::row_of(const Source& source, int row) const {
  if (source.kind == Source::Kind::own) return row;
  const auto& rows = pass_.step.rows;
  for (size_t r = 0; r < rows.size(); ++r)
    if (rows[r].image == source.id && rows[r].conditional == rows[row].conditional) return static_cast<int>(r);
  fail(ErrorCode::internal, "attention", fmt::format("image {} is not in this batch", source.id));
}

}  // namespace corepulse::attention
