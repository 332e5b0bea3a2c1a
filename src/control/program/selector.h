#pragma once
// Selectors: the spellings of attention layers. "middle:0, output:0.2#7", "ldm:input_4", "fine".

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/effects.h"

#include "control/site.h"

namespace corepulse::control {

/** Layers of a model for a picture's size, and how each is called. */
class SiteTable {
 public:
  SiteTable(const std::vector<Site>& sites, int latent_height, int latent_width);

  /** The spellings besides paths and groups. */
  enum Form { block, attention, depth, ldm, grid_width };
  static constexpr int kForms = 5;

  const std::vector<Site>& sites() const { return sites_; }
  const std::string& name(const Site& site, Form form) const { return names_[site.index][form]; }
  /** Whether all are attention layers, not layers of every sort. */
  bool of_attention() const;
  Grid grid_of(const Site& site) const { return grid(site, height_, width_); }

 private:
  const std::vector<Site>& sites_;
  int height_, width_;
  std::vector<std::array<std::string, kForms>> names_;
};

/**
 * For every site, whether the selector names it and it is of this attention; "" means all.
 * @param path begins error messages, e.g. "controls[2].where".
 * @throws Error{invalid_request} listing the valid spellings if a part names no layer of this model, or only layers of
 * the other attention.
 */
std::vector<bool> select(const SiteTable& table, std::string_view selector, AttentionKind attention,
                         const std::string& path);

/** "input:1", "middle:0", "output:2". */
std::string block_name(const Site& site);

}  // namespace corepulse::control
