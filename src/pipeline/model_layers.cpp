// model_layers: the layers of a model that a selector names.
#include "control/program/selector.h"
#include "model/layers.h"

namespace corepulse {

std::vector<LayerInfo> model_layers(const ModelSource& source, const std::string& where) {
  const auto parts = model::understand(source);
  const auto all = model::layers(parts);
  std::vector<control::Site> sites;
  for (const auto& layer : all) sites.push_back(layer.site);
  const control::SiteTable table(sites, parts.unet.sample_size, parts.unet.sample_size);
  const auto chosen = control::select(table, where, AttentionKind::both, "where");
  std::vector<LayerInfo> infos;
  for (const auto& layer : all) {
    if (!chosen[layer.site.index]) continue;
    const bool in_block = layer.site.kind != control::BlockKind::none;
    infos.push_back({layer.site.path, in_block ? table.name(layer.site, control::SiteTable::block) : "",
                     in_block ? table.name(layer.site, control::SiteTable::ldm) : "", layer.kernel > 1, layer.in,
                     layer.out});
  }
  return infos;
}

}  // namespace corepulse
