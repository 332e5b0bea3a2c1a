#include "model/parts.h"

#include <algorithm>
#include <fmt/format.h>
#include <tuple>

#include "base/fail.h"
#include "model/config/config_json.h"
#include "model/config/derive.h"
#include "model/config/sd2.h"
#include "model/family.h"
#include "model/files/check_tensors.h"
#include "text/config_json.h"

namespace corepulse::model {
namespace {

constexpr int kSdxlIds = 6, kRefinerIds = 5;

/** The files of a network, for messages. */
std::string where(const Network& network) {
  return network.config ? network.config->path : network.files.front().string();
}

const Network& require(const Collection& collection, Part part) {
  const auto found = collection.networks.find(part);
  if (found == collection.networks.end())
    fail(ErrorCode::unsupported_model, "model",
         fmt::format("no {} in {}; give {} with a file or folder", name(part), collection.path.string(), option(part)));
  return found->second;
}

unet::Config read_unet(const Network& network, Family family, std::vector<std::string>& notes) {
  return network.config ? unet_config(network.config->json, network.config->path, notes)
                        : derive_unet(network.stored.tensors, family, where(network));
}

/** SDXL's refiner reads OpenCLIP alone, which is its first encoder or its second, as one counts. */
bool reads_two_texts(const Collection& collection) {
  const auto& networks = collection.networks;
  const auto first = networks.find(Part::text_encoder);
  return first != networks.end() && (!first->second.stored.open_clip || networks.contains(Part::text_encoder_2));
}

/** A config says more than shapes do: tiny models and full-size ones are told apart by it alike. */
Family family_of_config(const io::Json& config, const Collection& collection) {
  const auto text_time = [&](const char* field) { return config.value(field, io::Json()) == "text_time"; };
  if (text_time("addition_embed_type")) return reads_two_texts(collection) ? Family::sdxl : Family::sdxl_refiner;
  return config.value("use_linear_projection", io::Json()) == true ? Family::sd2 : Family::sd1;
}

Family decide_family(const ModelSource& source, const Collection& collection) {
  const auto named = parse_family(source.family);
  if (named) return *named;
  const auto& unet = require(collection, Part::unet);
  return unet.config && unet.config->json.is_object() ? family_of_config(unet.config->json, collection)
                                                      : detect_family(unet.stored.tensors, where(unet));
}

bool is_sdxl(Family family) {
  return family == Family::sdxl || family == Family::sdxl_refiner;
}

/** What Diffusers calls the refiner's one text encoder, wherever it came from: SDXL's second. */
void name_refiner_text(Collection& collection) {
  auto& networks = collection.networks;
  const auto found = networks.find(Part::text_encoder);
  if (found == networks.end()) return;
  networks.emplace(Part::text_encoder_2, std::move(found->second));
  networks.erase(found);
  if (const auto tokenizer = collection.tokenizers.find(Part::text_encoder); tokenizer != collection.tokenizers.end())
    collection.tokenizers.emplace(Part::text_encoder_2, tokenizer->second);
}

/** What a UNet predicts that has no scheduler beside it. */
Prediction guess_prediction(const Collection& collection, Family family, std::vector<std::string>& notes) {
  if (collection.markers.prediction) return *collection.markers.prediction;
  return family == Family::sd2 ? guess_sd2_prediction(collection, notes) : Prediction::epsilon;
}

Scheduler decide_scheduler(const ModelSource& source, const Collection& collection, Family family,
                           std::vector<std::string>& notes) {
  const auto wanted = parse_source_prediction(source.prediction);
  const auto& markers = collection.markers;
  Scheduler result;
  if (collection.scheduler) result = scheduler_config(collection.scheduler->json, collection.scheduler->path);
  // A UNet's own marks are truer than the scheduler of a folder that it was put into.
  if (markers.edm && !result.training.edm) {
    result = edm_scheduler(*markers.edm);
  } else if (collection.scheduler) {
    if (markers.prediction) result.training.prediction = *markers.prediction;
    if (markers.zero_snr && !result.training.edm) result.start_from_noise();
  } else {
    const auto prediction = wanted ? *wanted : guess_prediction(collection, family, notes);
    result = family_scheduler(family, prediction, markers.zero_snr);
  }
  if (wanted) result.training.prediction = *wanted;
  if (result.training.edm && result.training.prediction == Prediction::sample)
    fail(ErrorCode::unsupported_model, "prediction", "sample of a model trained with EDM; expected epsilon or v");
  result.sdxl = is_sdxl(family);
  notes.insert(notes.end(), result.notes.begin(), result.notes.end());
  return result;
}

/** A VAE has its config's scale, or its family's; and what the UNet's file says of latents where no config does. */
vae::Config understand_vae(const Collection& collection, Family family, std::vector<std::string>& notes) {
  const auto& network = require(collection, Part::vae);
  auto config = network.config ? vae_config(network.config->json, network.config->path, notes)
                               : derive_vae(network.stored.tensors, family, where(network));
  const auto& edm = collection.markers.edm;
  if (!edm || edm->latents_mean.empty() || !config.latents_mean.empty()) return config;
  if (static_cast<int>(edm->latents_mean.size()) != config.latent_channels)
    fail(ErrorCode::bad_file, "model",
         fmt::format("{}: edm_mean has {} numbers; expected {}, as many as the VAE's latents have channels",
                     collection.path.string(), edm->latents_mean.size(), config.latent_channels));
  config.latents_mean = edm->latents_mean, config.latents_std = edm->latents_std;
  config.scaling_factor = 0.5f;  // Playground's
  return config;
}

/**
 * SDXL reads its encoders' penultimate layers. A file that leaves out CLIP-L's last, which nobody reads, ends with that
 * one; OpenCLIP's last makes the pooled vector.
 */
text::OutputRule sdxl_rule(const Network& network, const text::Config& config) {
  constexpr int kClipL = 768, kClipLayers = 12, kBigG = 1280, kBigGLayers = 32;
  if (!network.config && config.width == kBigG && config.layers != kBigGLayers)
    fail(ErrorCode::unsupported_model, "model",
         fmt::format("{}: the text encoder of OpenCLIP has {} layers; expected {}: the picture would be another",
                     where(network), config.layers, kBigGLayers));
  const bool cut = !network.config && config.width == kClipL && config.layers == kClipLayers - 1;
  return {cut ? 0 : 1, false};
}

TextPart understand_text(Collection& collection, Part part, Family family, std::vector<std::string>& notes) {
  require(collection, part);
  auto& network = collection.networks.at(part);
  // The first encoder's pooled vector is read by nobody.
  if (part == Part::text_encoder) network.stored.tensors.erase("text_projection.weight");
  const bool open_clip = part == Part::text_encoder_2 || family == Family::sd2;
  const auto activation = open_clip ? text::Activation::gelu : text::Activation::quick_gelu;
  TextPart result;
  result.part = part;
  result.config = network.config ? text::config_from_json(network.config->json, network.config->path)
                                 : derive_text(network.stored.tensors, activation, where(network));
  if (family == Family::sd2) drop_last_sd2_layer(network, result.config, notes);
  // CLIPTextModel's config names a projection that the model does not have.
  if (part == Part::text_encoder) result.config.projection = 0;
  if (is_sdxl(family)) result.rule = sdxl_rule(network, result.config);
  result.padding = open_clip ? text::Padding::exclamation : text::Padding::eos;
  if (const auto found = collection.tokenizers.find(part); found != collection.tokenizers.end())
    result.tokenizer = found->second;
  return result;
}

void check_fit(bool fits, const Parts& parts, Part part, const std::string& message) {
  if (!fits)
    fail(ErrorCode::unsupported_model, "model",
         fmt::format("{}: {}", where(parts.collection.networks.at(part)), message));
}

/** Networks from different models do not fit together: said here, not by a wrong picture. */
void check_together(const Parts& parts) {
  const auto& [unet, vae] = std::tie(parts.unet, parts.vae);
  const int latent = vae.latent_channels;
  const bool beside = unet.in_channels == 2 * latent || unet.in_channels == 2 * latent + 1;
  check_fit(
      unet.in_channels == latent || beside, parts, Part::unet,
      fmt::format("the UNet reads {} channels; the VAE's latents have {} (with a picture to edit: {}; with mask and "
                  "picture to inpaint: {})",
                  unet.in_channels, latent, 2 * latent, 2 * latent + 1));
  check_fit(unet.out_channels == latent, parts, Part::unet,
            fmt::format("the UNet writes {} channels; the VAE's latents have {}", unet.out_channels, latent));
  int width = 0;
  for (const auto& text : parts.texts) width += text.config.width;
  check_fit(unet.context_width == width, parts, parts.texts.front().part,
            fmt::format("the text encoders give {} numbers per token; the UNet reads {}", width, unet.context_width));
  const bool sdxl = is_sdxl(parts.family);
  check_fit(sdxl || !parts.collection.networks.contains(Part::text_encoder_2), parts, Part::unet,
            "a second text encoder (text_encoder_2) is read by SDXL only");
  check_fit(
      sdxl == (unet.addition_input > 0), parts, Part::unet,
      sdxl ? "the UNet has no added conditioning; SDXL's has" : "the UNet has added conditioning, as only SDXL's has");
  if (!sdxl) return;
  const bool refiner = parts.family == Family::sdxl_refiner;
  const int pooled = parts.texts.back().config.projection;
  const int expected = pooled + (refiner ? kRefinerIds : kSdxlIds) * unet.addition_time_width;
  check_fit(
      unet.addition_input == expected, parts, Part::unet,
      fmt::format("the added conditioning has {} numbers; the {}text encoder ({}) and {} make {}", unet.addition_input,
                  refiner ? "" : "second ", pooled, refiner ? "four sizes and a score" : "six sizes", expected));
}

}  // namespace

Parts understand(const ModelSource& source) {
  Parts parts;
  parts.collection = collect(source);
  auto& collection = parts.collection;
  parts.notes = collection.notes;
  parts.family = decide_family(source, collection);
  const auto& unet = require(collection, Part::unet);
  parts.unet = read_unet(unet, parts.family, parts.notes);
  parts.vae = understand_vae(collection, parts.family, parts.notes);
  const bool refiner = parts.family == Family::sdxl_refiner;
  if (refiner) name_refiner_text(collection);
  if (!refiner) parts.texts.push_back(understand_text(collection, Part::text_encoder, parts.family, parts.notes));
  if (is_sdxl(parts.family))
    parts.texts.push_back(understand_text(collection, Part::text_encoder_2, parts.family, parts.notes));
  parts.scheduler = decide_scheduler(source, collection, parts.family, parts.notes);
  parts.zeros_for_empty_prompt =
      is_sdxl(parts.family) && collection.zeros_for_empty_prompt.value_or(parts.family == Family::sdxl);
  parts.unet.time_is_sigma = parts.scheduler.training.edm.has_value();
  // SD2's two sizes differ in what they predict.
  if (!unet.config && parts.family == Family::sd2 && parts.scheduler.training.prediction == Prediction::v)
    parts.unet.sample_size = 96;
  check_together(parts);
  check_tensors(parts);
  return parts;
}

}  // namespace corepulse::model
