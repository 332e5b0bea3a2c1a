#include "control/program/selector.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "base/fail.h"
#include "base/names.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

using Names = std::vector<std::string>;
using Match = std::function<bool(const Site&)>;

constexpr size_t kLongest = 4096;  // bytes of a selector
constexpr const char* kBlocks[] = {"input", "middle", "output"};

// No other space: a form feed is no blank selector, which would mean all layers.
std::string_view without_spaces(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\n\r"), to = text.find_last_not_of(" \t\n\r");
  return from == text.npos ? std::string_view() : text.substr(from, to - from + 1);
}

void add(Names& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

bool is_path_prefix(std::string_view prefix, const std::string& path) {
  return path.size() >= prefix.size() && path.compare(0, prefix.size(), prefix) == 0 &&
         (path.size() == prefix.size() || path[prefix.size()] == '.');
}

// Groups that mean the same on every model.
Match group(const SiteTable& table, std::string_view name) {
  if (name == "all") return [](const Site&) { return true; };
  if (name == "composition" || name == "input") return [](const Site& s) { return s.kind == BlockKind::input; };
  if (name == "content" || name == "middle") return [](const Site& s) { return s.kind == BlockKind::middle; };
  if (name == "style" || name == "output") return [](const Site& s) { return s.kind == BlockKind::output; };
  const auto [least, most] = std::minmax_element(table.sites().begin(), table.sites().end(),
                                                 [](const Site& a, const Site& b) { return a.level < b.level; });
  if (least == table.sites().end()) return {};
  const int finest = least->level, coarsest = most->level;
  if (name == "fine") return [=](const Site& s) { return s.level == finest; };
  if (name == "coarse") return [=](const Site& s) { return s.level == coarsest; };
  if (name == "mid") return [=](const Site& s) { return s.level != finest && s.level != coarsest; };
  return {};
}

/** Names that others gave to places of SDXL (InstantStyle, Wang et al. 2024; B-LoRA, Frenkel et al. 2024). */
constexpr std::pair<const char*, const char*> kPublished[] = {
    {"instantstyle:content", "output:0.0"}, {"instantstyle:style", "output:0.1"}, {"instantstyle:layout", "input:2.1"}};

/** Resnets are numbered as the attention beside them is. */
bool has_attention(const SiteTable& table) {
  return std::any_of(table.sites().begin(), table.sites().end(),
                     [](const Site& s) { return s.path.find(".attentions.") != s.path.npos; });
}

/** SDXL and what was made of it have no attention at their finest level. */
bool is_sdxl(const SiteTable& table) {
  return std::none_of(table.sites().begin(), table.sites().end(),
                      [](const Site& s) { return s.attention >= 0 && s.level == 0; });
}

/** What a published name stands for; others stand for themselves. */
std::string published(const SiteTable& table, const std::string& item, const std::string& path) {
  if (!item.starts_with("instantstyle:")) return item;
  if (!has_attention(table))
    fail(
        ErrorCode::invalid_request, path,
        fmt::format("{} means attention layers, and others stand here; expected input, middle, output, or their blocks",
                    quote(item)));
  Names names;
  for (const auto& [name, place] : kPublished) {
    names.emplace_back(name);
    if (item == name && is_sdxl(table)) return place;
  }
  fail(ErrorCode::invalid_request, path,
       is_sdxl(table) ? fmt::format("{} is no published name; {}", quote(item), choices(item, names))
                      : fmt::format("{} means layers of SDXL, which this model is not; expected its own: {}",
                                    quote(item), "input, middle, output, or what corepulse inspect lists"));
}

Match match(const SiteTable& table, const std::string& item) {
  if (auto found = group(table, item)) return found;
  return [=, &table](const Site& s) {
    if (is_path_prefix(item, s.path)) return true;
    for (int form = 0; form < SiteTable::kForms; ++form)
      if (table.name(s, static_cast<SiteTable::Form>(form)) == item) return true;
    return false;
  };
}

// The parts below the longest prefix of `item` that exists.
Names paths_near(const SiteTable& table, std::string_view item) {
  Names names;
  while (names.empty()) {
    const auto dot = item.rfind('.');
    item = dot == item.npos ? std::string_view() : item.substr(0, dot);
    for (const auto& site : table.sites()) {
      if (!item.empty() && !is_path_prefix(item, site.path)) continue;
      size_t end = item.empty() ? site.path.find('.') : site.path.find('.', item.size() + 1);
      // "down_blocks" alone is no block.
      if (item.empty() && !site.path.starts_with("mid_block")) end = site.path.find('.', end + 1);
      add(names, site.path.substr(0, end));
    }
    if (item.empty()) break;
  }
  return names;
}

// What the user may have meant: the spellings of the form that was tried.
Names valid_names(const SiteTable& table, const std::string& item) {
  if (item.starts_with("down_") || item.starts_with("mid_") || item.starts_with("up_")) return paths_near(table, item);
  auto form = SiteTable::block;
  if (item.starts_with("ldm:"))
    form = SiteTable::ldm;
  else if (item.starts_with("grid:"))
    form = SiteTable::grid_width;
  else if (item.find('.') != item.npos)
    form = item.find('#') != item.npos ? SiteTable::depth : SiteTable::attention;
  Names names;
  for (const auto& site : table.sites()) add(names, table.name(site, form));
  if (form == SiteTable::block) {
    for (const char* name : {"composition", "content", "style", "coarse", "mid", "fine"})
      if (std::any_of(table.sites().begin(), table.sites().end(), group(table, name))) names.emplace_back(name);
    names.emplace_back("all");
  }
  return names;
}

bool wanted(const Site& site, AttentionKind attention) {
  return attention == AttentionKind::both || site.cross == (attention == AttentionKind::cross);
}

}  // namespace

SiteTable::SiteTable(const std::vector<Site>& sites, int latent_height, int latent_width)
    : sites_(sites), height_(latent_height), width_(latent_width) {
  for (const auto& site : sites) {
    // Outside blocks, and in them outside attention, a layer has its path alone.
    if (site.kind == BlockKind::none) {
      names_.emplace_back().fill(site.path);
      continue;
    }
    const auto where = block_name(site);
    const auto place = site.attention < 0 ? site.path : fmt::format("{}.{}", where, site.attention);
    names_.push_back({where, place, site.depth < 0 ? place : fmt::format("{}#{}", place, site.depth),
                      fmt::format("ldm:{}_{}", kBlocks[static_cast<int>(site.kind)], site.ldm_block),
                      fmt::format("grid:{}", grid_of(site).width)});
  }
}

bool SiteTable::of_attention() const {
  return std::none_of(sites_.begin(), sites_.end(), [](const Site& s) { return s.attention < 0 || s.heads == 0; });
}

std::string block_name(const Site& site) {
  return fmt::format("{}:{}", kBlocks[static_cast<int>(site.kind)], site.block);
}

std::vector<bool> select(const SiteTable& table, std::string_view selector, AttentionKind attention,
                         const std::string& path) {
  std::vector<bool> chosen(table.sites().size());
  if (selector.size() > kLongest)
    fail(ErrorCode::invalid_request, path, fmt::format("{} bytes; expected at most {}", selector.size(), kLongest));
  if (without_spaces(selector).empty()) selector = "all";
  for (size_t begin = 0; begin <= selector.size();) {
    const size_t end = std::min(selector.find(',', begin), selector.size());
    const auto item = published(table, std::string(without_spaces(selector.substr(begin, end - begin))), path);
    begin = end + 1;
    const auto named = match(table, item);
    bool exists = false, acts = false;
    for (size_t i = 0; i < chosen.size(); ++i) {
      if (!named(table.sites()[i])) continue;
      exists = true;
      if (wanted(table.sites()[i], attention)) acts = chosen[i] = true;
    }
    if (!exists)
      fail(ErrorCode::invalid_request, path,
           fmt::format("{} names no {} of this model; {}", quote(item),
                       table.of_attention() ? "attention layer" : "layer", choices(item, valid_names(table, item))));
    if (!acts)
      fail(ErrorCode::invalid_request, path,
           fmt::format("{} names {} layers only; expected {} (attn{})", quote(item),
                       attention == AttentionKind::cross ? "self-attention" : "cross-attention",
                       attention == AttentionKind::cross ? "cross-attention" : "self-attention",
                       attention == AttentionKind::cross ? 2 : 1));
  }
  return chosen;
}

}  // namespace corepulse::control
