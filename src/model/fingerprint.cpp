#include "model/fingerprint.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "io/digest/digests.h"
#include "io/digest/sha256.h"
#include "io/tensors/stored_type.h"

namespace corepulse::model {
namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kPiece = size_t{4} << 20;  // part of what a fingerprint is: all cores work on one large tensor

std::vector<const io::Tensors::value_type*> sorted(const io::Tensors& tensors) {
  std::vector<const io::Tensors::value_type*> items;
  for (const auto& item : tensors) items.push_back(&item);
  std::sort(items.begin(), items.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  return items;
}

/** Names, types and shapes of a network's tensors, in order. */
std::string listing(const io::Tensors& tensors) {
  std::string text;
  for (const auto* item : sorted(tensors)) {
    const auto& [name, view] = *item;
    text +=
        fmt::format("{} {} {}{}{}\n", name, io::name(view.type), fmt::join(view.shape, "x"),
                    view.transposed ? " transposed" : "", view.scale == 1 ? "" : fmt::format(" times {}", view.scale));
  }
  return text;
}

/** A tree: the digest of the digests of all pieces of all tensors, in order. */
std::string contents(const Network& network) {
  std::vector<Bytes> pieces;
  for (const auto* item : sorted(network.stored.tensors))
    for (Bytes rest(item->second.data, item->second.bytes); !rest.empty();) {
      pieces.push_back(rest.first(std::min(kPiece, rest.size())));
      rest = rest.subspan(pieces.back().size());
    }
  return io::sha256_of(fmt::format("{}", fmt::join(io::sha256_of_each(pieces, network.mappings), "\n")));
}

std::string network_digest(Part part, const Network& network) {
  const auto names = io::sha256_of(listing(network.stored.tensors));
  const auto what = fmt::format("tensors of {} 1\n{}", name(part), names);
  const auto numbers = io::kept_digest(what, network.mappings, [&] { return contents(network); });
  return fmt::format("{} {} {}\n", name(part), names, numbers);
}

/** What configs say that shapes do not: the same tensors draw other pictures with others of these. */
std::string facts(const Parts& parts) {
  const auto& training = parts.scheduler.training;
  auto text = fmt::format("{} predicts {} zero_snr {} levels {}\n", name(parts.family), name(training.prediction),
                          parts.scheduler.zero_snr, fmt::join(training.alphas_cumprod, " "));
  if (const auto& edm = training.edm)
    text += fmt::format("edm {} {} {}\n", edm->sigma_min, edm->sigma_max, edm->sigma_data);
  const auto& unet = parts.unet;
  text += fmt::format("unet {} {} {} {} {} {} {}", unet.norm_groups, unet.norm_eps, unet.flip_sin_to_cos,
                      unet.freq_shift, unet.downsample_padding, unet.upcast_attention, unet.middle_heads);
  for (const auto& level : unet.levels) text += fmt::format(" {}{}", level.heads, level.self ? "" : "t");
  const auto& vae = parts.vae;
  text += fmt::format("\nvae {} {} {} {} {}\n", vae.norm_groups, vae.scaling_factor, vae.shift_factor,
                      fmt::join(vae.latents_mean, " "), fmt::join(vae.latents_std, " "));
  for (const auto& [part, config, rule, tokenizer, padding] : parts.texts)
    text += fmt::format("{} {} {} {} {} {} {} {} {} {}\n", name(part), config.heads,
                        static_cast<int>(config.activation), config.norm_eps, config.bos, config.eos, config.legacy_eos,
                        rule.skip, rule.final_norm, static_cast<int>(padding));
  return text + fmt::format("zeros {}\n", parts.zeros_for_empty_prompt);
}

}  // namespace

std::string fingerprint(const Parts& parts) {
  auto text = facts(parts);
  for (const auto& [part, network] : parts.collection.networks) text += network_digest(part, network);
  return io::sha256_of(text);
}

std::string file_sha256(const Parts& parts) {
  const auto& unet = parts.collection.networks.at(Part::unet);
  const bool whole = !parts.collection.is_folder && unet.files.front() == parts.collection.path;
  return whole ? io::kept_sha256(unet.mappings.front()) : "";
}

}  // namespace corepulse::model

namespace corepulse {

std::string model_fingerprint(const ModelSource& source) {
  return model::fingerprint(model::understand(source));
}

}  // namespace corepulse
