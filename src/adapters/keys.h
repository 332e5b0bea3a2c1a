#pragma once
// The end of an adapter's key says what the tensor is for; what stands before it names a layer.

#include <optional>
#include <string_view>

namespace corepulse::adapters {

/** Whose way of writing a key is. */
enum class Style { kohya, peft, diffusers, lycoris };
const char* name(Style style) noexcept;

struct Key {
  std::string_view layer;  ///< "lora_unet_mid_block_...", "unet.mid_block.attentions.0.proj_in".
  /** One name for all styles: "lora_down", "lora_up", "alpha", "hada_w1_a" ... */
  std::string_view slot;
  std::optional<Style> style;  ///< None for what several have.
};

/** nullopt if the key ends as no adapter's does. The slot lives forever, the layer as long as `key`. */
std::optional<Key> split(std::string_view key);

/** What kind of adapter, that is not read here, has such a key; "" if none is known. */
std::string_view foreign_kind(std::string_view key);

}  // namespace corepulse::adapters
