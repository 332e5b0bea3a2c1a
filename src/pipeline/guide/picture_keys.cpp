#include "pipeline/guide/picture_keys.h"

#include <algorithm>

#include "mlx/ops.h"
#include "mlx/transforms.h"

#include "base/fail.h"

namespace corepulse::pipeline {
namespace {

using Kind = vision::IpAdapterConfig::Kind;

/** What the adapter is given of a picture, and of none: where it reads patches, the encoder's of a picture of zeros,
 * which is its mean colour. */
struct Sight {
  std::vector<mx::array> pictures;
  mx::array nothing;
};

Sight faces_of(const PromptPictures& prompt, mx::Dtype dtype) {
  const int width = prompt.adapter->config.input;
  int count = 0;
  Sight sight{{}, mx::zeros({0})};
  for (const auto& vectors : prompt.pictures) {
    const int n = static_cast<int>(vectors.size()) / width;
    sight.pictures.push_back(mx::astype(mx::array(vectors.begin(), {n, width}, mx::float32), dtype));
    count += n;
  }
  sight.nothing = mx::zeros({count, width}, dtype);
  return sight;
}

Sight seen_by(const vision::ClipVisionModel& encoder, const PromptPictures& prompt, mx::Dtype dtype) {
  const int size = encoder.config().image_size;
  const bool vectors = prompt.adapter->config.kind == Kind::base;
  Sight sight{{}, mx::zeros({1, encoder.config().projection}, dtype)};
  for (const auto& pixels : prompt.pictures) {  // one by one: the encoder's activations are large
    const auto picture = mx::astype(mx::array(pixels.begin(), {1, size, size, 3}, mx::float32), dtype);
    sight.pictures.push_back(vectors ? encoder.embeds(picture) : encoder.hidden(picture));
    sight.pictures.back().eval();
  }
  if (!vectors) sight.nothing = encoder.hidden(mx::zeros({1, size, size, 3}, dtype));
  sight.nothing = mx::repeat(sight.nothing, static_cast<int>(prompt.pictures.size()), 0);
  return sight;
}

}  // namespace

std::shared_ptr<const vision::IpAdapter> PictureStore::adapter_of(const PromptPictures& prompt, mx::Dtype dtype) const {
  for (const auto& held : held_)
    if (held.adapter_sha256 == prompt.sha256) return held.seen->adapter;
  return model::load_picture_adapter(*prompt.adapter, dtype);
}

std::shared_ptr<const SeenPictures> PictureStore::of(const PromptPictures& prompt, mx::Dtype dtype) {
  for (const auto& held : held_)
    if (held.key == prompt.key) return held.seen;
  const auto adapter = adapter_of(prompt, dtype);
  const auto sight =
      prompt.encoder ? seen_by(*model::load_vision(*prompt.encoder, dtype), prompt, dtype) : faces_of(prompt, dtype);
  auto tokens = adapter->tokens(mx::concatenate(sight.pictures, 0)), blank = adapter->tokens(sight.nothing);
  mx::eval(tokens, blank);  // now, while the encoder is there
  auto seen = std::make_shared<const SeenPictures>(SeenPictures{adapter, tokens, blank});
  held_.push_back({prompt.key, prompt.sha256, seen});
  return seen;
}

void PictureStore::keep(const PicturePrompts& prompts) {
  held_.remove_if([&](const Held& held) {
    return std::none_of(prompts.begin(), prompts.end(), [&](const auto& prompt) { return prompt->key == held.key; });
  });
}

attention::KeyValue PromptKeys::operator()(const control::Source& source, const control::Site& site) {
  const auto& prompt = *prompts_.at(static_cast<size_t>(source.id));
  const auto seen = store_->of(prompt, dtype_);
  const auto& sites = prompt.adapter->sites;
  const auto place = std::find(sites.begin(), sites.end(), site.index);
  if (place == sites.end()) fail(ErrorCode::internal, "picture_prompt", site.path + " reads no pictures");
  const auto& keys = seen->adapter->keys()[static_cast<size_t>(place - sites.begin())];
  const auto& tokens = source.kind == control::Source::Kind::picture ? seen->tokens : seen->blank;
  return {keys.to_k_ip(tokens), keys.to_v_ip(tokens)};
}

}  // namespace corepulse::pipeline
