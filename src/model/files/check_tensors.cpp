#include "model/files/check_tensors.h"

#include "text/clip_text_model.h"
#include "unet/unet.h"
#include "vae/autoencoder.h"

namespace corepulse::model {
namespace {

template <class Network, class Config>
void check(const Parts& parts, Part part, const Config& config) {
  const auto weights = nn::Weights::header(parts.collection.networks.at(part).stored.tensors, name(part));
  const Network network(weights, config);
  weights.require_all_taken();
}

}  // namespace

void check_tensors(const Parts& parts) {
  check<unet::UNet>(parts, Part::unet, parts.unet);
  check<vae::Autoencoder>(parts, Part::vae, parts.vae);
  for (const auto& text : parts.texts) check<text::ClipTextModel>(parts, text.part, text.config);
}

}  // namespace corepulse::model
