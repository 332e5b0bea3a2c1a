#pragma once
// What an adapter file is, in words for people, told by its header alone.

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "adapters/keys.h"
#include "adapters/stored.h"

namespace corepulse::adapters {

class Format {
 public:
  void add(Style style) { styles_.insert(style); }
  /** A layer's tensors: by slot (keys.h), the shapes that the file says. */
  void add(const std::map<std::string_view, Sizes>& layer);
  /** "kohya LoRA, rank 16". */
  std::string text() const;

 private:
  std::set<Style> styles_;
  std::set<std::string_view> kinds_;
  std::set<int64_t> ranks_;
  bool dora_ = false;
};

}  // namespace corepulse::adapters
