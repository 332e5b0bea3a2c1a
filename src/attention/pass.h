#pragma once
// What travels down a network with the picture: which moment it is, what control wants, what the texts say.

#include <map>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "attention/instruments.h"
#include "base/tensor.h"
#include "control/plan.h"
#include "nn/branches.h"

namespace corepulse::attention {

/** Constants of a run, computed when first asked for: keys and values of texts and of picture prompts by site, uploaded
 * control numbers. */
class RunCache {
 public:
  /** A curve makes new numbers at every step; old ones are then never asked for again. */
  static constexpr size_t kMost = 4096;
  /** Keys of several rows are as large as a call's, which may have many. */
  static constexpr size_t kMostOfRows = 8;
  static constexpr size_t kMostInParts = 4;
  /** Keys of one text, values of one; those by the rows of a map, where there is one. */
  using TextPair = std::tuple<control::TextId, control::TextId, control::Values>;
  /** Keys and values of these rows at a site, [B, T, H*D]; `project` makes those of one text. */
  template <class Project>
  const KeyValue& texts(int site, const std::vector<TextPair>& rows, Project project);
  /** Keys and values of these rows at a site, one upon the other, and what branches add to both (nn::Branches::parts).
   */
  struct InParts {
    mx::array own;                 // [2, B, T, H*D]
    std::vector<mx::array> added;  // of that shape
  };
  /** @param branches those of the site's keys; `make` makes what is not known, and of a site kMostInParts are. */
  template <class Make>
  const InParts& in_parts(int site, const std::vector<TextPair>& rows, const nn::Branches::List& branches, Make make);
  /** Of a source of kind picture or no_picture at a site. */
  const KeyValue& pictures(const control::Site& site, const control::Source& source, const Pictures& made);
  /** The numbers as a float32 array [n]. */
  const mx::array& upload(const control::Values& values);
  /** map v: [1, T', C] of v [1, T, C]. */
  mx::array mapped(const control::Values& map, const mx::array& v);

 private:
  /** Those of several rows at a site, if there are too many. */
  void forget_rows(int site);

  // Shared pointers are kept so that their addresses stay the keys of these numbers.
  std::map<std::pair<int, std::vector<TextPair>>, KeyValue> texts_;
  std::map<int, std::map<std::pair<std::vector<TextPair>, nn::Branches::List>, InParts>> in_parts_;  ///< By site.
  std::map<std::tuple<int, int, bool>, KeyValue> pictures_;  ///< By site, id, and whether there are pictures.
  std::unordered_map<control::Values, mx::array> uploads_;
};

/** Arguments of one call of a network besides its arrays. */
struct Pass {
  const control::Control& control;
  const control::Step& step;            ///< step.rows says whose each batch row is.
  const std::vector<mx::array>& texts;  ///< By TextId, [1, T, context_width] each.
  RunCache& cache;
  Instruments instruments = {};
  const nn::Branches* beside = nullptr;  ///< See nn/layers.h; the same for all rows.
};

/** What goes on in the place of x at a point: x itself where nobody looks. @param place see Probe::wants. */
mx::array seen(const Pass& pass, Point point, int place, const mx::array& x);

template <class Project>
const KeyValue& RunCache::texts(int site, const std::vector<TextPair>& rows, Project project) {
  const auto found = texts_.find({site, rows});
  if (found != texts_.end()) return found->second;
  if (texts_.size() > kMost) texts_.clear();
  const auto remember = [&](KeyValue kv) -> const KeyValue& {
    return texts_.insert_or_assign(std::pair{site, rows}, std::move(kv)).first->second;
  };
  if (rows.size() == 1) {
    const auto& [keys, values, map] = rows[0];
    if (keys == values && !map) return remember(project(keys));
    const auto k = texts(site, {{keys, keys, nullptr}}, project).k;
    const auto v = texts(site, {{values, values, nullptr}}, project).v;
    return remember({k, map ? mapped(map, v) : v});
  }
  forget_rows(site);
  // Each text is projected alone, so a row's keys are the same bits whichever rows stand beside it.
  std::vector<mx::array> k, v;
  for (const auto& row : rows) {
    const auto& one = texts(site, {row}, project);
    k.push_back(one.k), v.push_back(one.v);
  }
  return remember({mx::concatenate(k, 0), mx::concatenate(v, 0)});
}

template <class Make>
const RunCache::InParts& RunCache::in_parts(int site, const std::vector<TextPair>& rows,
                                            const nn::Branches::List& branches, Make make) {
  auto& known = in_parts_[site];
  const auto found = known.find({rows, branches});
  if (found != known.end()) return found->second;
  if (known.size() >= kMostInParts) known.clear();
  return known.emplace(std::pair{rows, branches}, make()).first->second;
}

}  // namespace corepulse::attention
