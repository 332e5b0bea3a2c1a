#include "io/tensors/ldm_names.h"

#include <algorithm>
#include <charconv>
#include <fmt/args.h>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "base/fail.h"

namespace corepulse::io {
namespace {

/**
 * A rule for the beginning of a name, up to a '.' or its end. '#' stands for a number: in `to`, {n}
 * and {m} are the first and second number, {up} the first counted from the other end of the VAE's
 * levels, {block} and {layer} the place that LDM's flat number n has in Diffusers' blocks. `inside`
 * has the rules for the rest of the name.
 */
struct Rule {
  const char *from, *to;
  std::span<const Rule> inside = {};
};

constexpr Rule kResnet[] = {
    {"in_layers.0", "norm1"},  {"in_layers.2", "conv1"},  {"emb_layers.1", "time_emb_proj"},
    {"out_layers.0", "norm2"}, {"out_layers.3", "conv2"}, {"skip_connection", "conv_shortcut"},
};

constexpr Rule kUNet[] = {
    {"time_embed.0", "time_embedding.linear_1"},
    {"time_embed.2", "time_embedding.linear_2"},
    {"label_emb.0.0", "add_embedding.linear_1"},
    {"label_emb.0.2", "add_embedding.linear_2"},
    {"input_blocks.0.0", "conv_in"},
    {"input_blocks.#.0.op", "down_blocks.{block}.downsamplers.0.conv"},
    {"input_blocks.#.0", "down_blocks.{block}.resnets.{layer}", kResnet},
    {"input_blocks.#.1", "down_blocks.{block}.attentions.{layer}"},
    {"middle_block.0", "mid_block.resnets.0", kResnet},
    {"middle_block.1", "mid_block.attentions.0"},
    {"middle_block.2", "mid_block.resnets.1", kResnet},
    {"output_blocks.#.1.conv", "up_blocks.{block}.upsamplers.0.conv"},
    {"output_blocks.#.2.conv", "up_blocks.{block}.upsamplers.0.conv"},
    {"output_blocks.#.0", "up_blocks.{block}.resnets.{layer}", kResnet},
    {"output_blocks.#.1", "up_blocks.{block}.attentions.{layer}"},
    {"out.0", "conv_norm_out"},
    {"out.2", "conv_out"},
};

constexpr Rule kVaeResnet[] = {{"nin_shortcut", "conv_shortcut"}};
constexpr Rule kVaeAttention[] = {
    {"norm", "group_norm"}, {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj_out", "to_out.0"},
};

constexpr Rule kVae[] = {
    {"encoder.down.#.block.#", "encoder.down_blocks.{n}.resnets.{m}", kVaeResnet},
    {"encoder.down.#.downsample.conv", "encoder.down_blocks.{n}.downsamplers.0.conv"},
    {"decoder.up.#.block.#", "decoder.up_blocks.{up}.resnets.{m}", kVaeResnet},
    {"decoder.up.#.upsample.conv", "decoder.up_blocks.{up}.upsamplers.0.conv"},
    {"encoder.mid.block_1", "encoder.mid_block.resnets.0", kVaeResnet},
    {"encoder.mid.block_2", "encoder.mid_block.resnets.1", kVaeResnet},
    {"encoder.mid.attn_1", "encoder.mid_block.attentions.0", kVaeAttention},
    {"encoder.norm_out", "encoder.conv_norm_out"},
    {"decoder.mid.block_1", "decoder.mid_block.resnets.0", kVaeResnet},
    {"decoder.mid.block_2", "decoder.mid_block.resnets.1", kVaeResnet},
    {"decoder.mid.attn_1", "decoder.mid_block.attentions.0", kVaeAttention},
    {"decoder.norm_out", "decoder.conv_norm_out"},
};

// Diffusers before 0.18 named the VAE's attention so.
constexpr Rule kOldAttention[] = {
    {"query", "to_q"},
    {"key", "to_k"},
    {"value", "to_v"},
    {"proj_attn", "to_out.0"},
};
constexpr Rule kDiffusers[] = {
    {"encoder.mid_block.attentions.0", "encoder.mid_block.attentions.0", kOldAttention},
    {"decoder.mid_block.attentions.0", "decoder.mid_block.attentions.0", kOldAttention},
};

constexpr Rule kClip[] = {
    {"embeddings", "text_model.embeddings"},
    {"encoder", "text_model.encoder"},
    {"final_layer_norm", "text_model.final_layer_norm"},
};

constexpr Rule kOpenClip[] = {
    {"positional_embedding", "text_model.embeddings.position_embedding.weight"},
    {"token_embedding", "text_model.embeddings.token_embedding"},
    {"ln_final", "text_model.final_layer_norm"},
    {"transformer.resblocks.#.ln_1", "text_model.encoder.layers.{n}.layer_norm1"},
    {"transformer.resblocks.#.ln_2", "text_model.encoder.layers.{n}.layer_norm2"},
    {"transformer.resblocks.#.mlp.c_fc", "text_model.encoder.layers.{n}.mlp.fc1"},
    {"transformer.resblocks.#.mlp.c_proj", "text_model.encoder.layers.{n}.mlp.fc2"},
    {"transformer.resblocks.#.attn", "text_model.encoder.layers.{n}.self_attn"},
};

std::span<const Rule> rules(Naming naming) {
  switch (naming) {
    case Naming::ldm_unet:
      return kUNet;
    case Naming::ldm_vae:
      return kVae;
    case Naming::clip:
      return kClip;
    case Naming::open_clip:
      return kOpenClip;
    case Naming::diffusers:
      break;
  }
  return kDiffusers;
}

/** How many characters of `name` the pattern matches, up to a '.' or the end; its numbers go to `numbers`. */
std::optional<size_t> match(std::string_view pattern, std::string_view name, std::vector<int>& numbers) {
  numbers.clear();
  size_t at = 0;
  for (const char c : pattern) {
    if (c != '#') {
      if (at >= name.size() || name[at++] != c) return {};
      continue;
    }
    int number = 0;
    const char* begin = name.data() + at;
    const auto [end, error] = std::from_chars(begin, name.data() + name.size(), number);
    if (error != std::errc() || *begin == '-') return {};
    numbers.push_back(number);
    at += end - begin;
  }
  return at == name.size() || name[at] == '.' ? std::optional(at) : std::nullopt;
}

/** Where LDM's flat numbers stand in Diffusers' blocks, found from the blocks that change the resolution. */
class Places {
 public:
  struct Place {
    int block = 0, layer = 0;
  };

  explicit Places(const Tensors& tensors) {
    // A block is there if any of its tensors is: what it lacks is named under its right name then.
    std::set<int> inputs, downsamplers, outputs, upsamplers, levels;
    const std::pair<const char*, std::set<int>*> patterns[] = {
        {"input_blocks.#.0", &inputs},           {"input_blocks.#.0.op", &downsamplers},
        {"output_blocks.#.0", &outputs},         {"output_blocks.#.1.conv", &upsamplers},
        {"output_blocks.#.2.conv", &upsamplers}, {"decoder.up.#", &levels},
    };
    std::vector<int> numbers;
    for (const auto& [name, view] : tensors)
      for (const auto& [pattern, found] : patterns)
        if (match(pattern, name, numbers)) found->insert(numbers[0]);
    // Input 0 is conv_in. A downsampler is a block of its own; an upsampler belongs to its block's last layer.
    Place place;
    const auto next = [&](bool last) { return last ? Place{place.block + 1, 0} : Place{place.block, place.layer + 1}; };
    for (int i = 1; inputs.contains(i); ++i) {
      input_.push_back(place);
      place = next(downsamplers.contains(i));
    }
    place = {};
    for (int i = 0; outputs.contains(i); ++i) {
      output_.push_back(place);
      place = next(upsamplers.contains(i));
    }
    while (levels.contains(levels_)) ++levels_;
  }

  /** nullopt for a number that no complete block has. */
  std::optional<Place> find(std::string_view rule, int n) const {
    const bool input = rule.starts_with("input_blocks");
    const auto& places = input ? input_ : output_;
    const int index = input ? n - 1 : n;
    return index >= 0 && index < int(places.size()) ? std::optional(places[index]) : std::nullopt;
  }
  int levels() const { return levels_; }

 private:
  std::vector<Place> input_, output_;
  int levels_ = 0;
};

std::string inside(std::span<const Rule> rules, std::string_view rest) {
  std::vector<int> numbers;
  for (const auto& rule : rules)
    if (const auto length = match(rule.from, rest, numbers)) return rule.to + std::string(rest.substr(*length));
  return std::string(rest);
}

std::string renamed(std::span<const Rule> table, const Places& places, const std::string& name) {
  std::vector<int> numbers;
  for (const auto& rule : table) {
    const auto length = match(rule.from, name, numbers);
    if (!length) continue;
    numbers.resize(2);
    const auto asks_for = [&](const char* field) {
      return std::string_view(rule.to).find(field) != std::string_view::npos;
    };
    const auto place = asks_for("{block}") ? places.find(rule.from, numbers[0]) : Places::Place{};
    const int up = asks_for("{up}") ? places.levels() - 1 - numbers[0] : 0;
    if (!place || up < 0) return name;
    const auto to = fmt::format(fmt::runtime(rule.to), fmt::arg("n", numbers[0]), fmt::arg("m", numbers[1]),
                                fmt::arg("up", up), fmt::arg("block", place->block), fmt::arg("layer", place->layer));
    if (*length == name.size()) return to;
    return to + "." + inside(rule.inside, std::string_view(name).substr(*length + 1));
  }
  return name;
}

/** Diffusers' places in LDM's flat numbers: Places the other way round. */
class FlatNumbers {
 public:
  explicit FlatNumbers(const std::vector<std::string>& names) {
    std::set<std::pair<int, int>> down, up;
    std::set<int> downsamplers;
    std::vector<int> numbers;
    for (const auto& name : names) {
      if (match("down_blocks.#.resnets.#", name, numbers)) down.insert({numbers[0], numbers[1]});
      if (match("up_blocks.#.resnets.#", name, numbers)) up.insert({numbers[0], numbers[1]});
      if (match("up_blocks.#.attentions.#", name, numbers)) attentions_.insert({numbers[0], numbers[1]});
      if (match("down_blocks.#.downsamplers.0", name, numbers)) downsamplers.insert(numbers[0]);
    }
    int next = 1;  // input 0 is conv_in
    for (auto place = down.begin(); place != down.end();) {
      input_[*place] = next++;
      const int block = place->first;
      if ((++place == down.end() || place->first != block) && downsamplers.contains(block))
        downsampler_[block] = next++;
    }
    next = 0;
    for (const auto& place : up) {
      upsampler_[place.first] = {next, attentions_.contains(place)};  // the last layer's stays
      output_[place] = next++;
    }
  }

  /** What '#' is in a rule's `from`, given the numbers of a name that its `to` matches. */
  std::optional<int> find(const Rule& rule, const std::vector<int>& numbers) const {
    const std::string_view from = rule.from, to = rule.to;
    if (to.find("{block}") == to.npos) return numbers.empty() ? 0 : numbers[0];
    if (from.ends_with(".op")) return found(downsampler_, numbers[0]);
    if (from.ends_with(".conv")) {
      const auto place = upsampler_.find(numbers[0]);
      if (place == upsampler_.end() || from.ends_with(".2.conv") != place->second.second) return {};
      return place->second.first;
    }
    return found(from.starts_with("input_blocks") ? input_ : output_, std::pair(numbers[0], numbers.at(1)));
  }

 private:
  template <class Map, class Key>
  static std::optional<int> found(const Map& map, const Key& key) {
    const auto place = map.find(key);
    return place == map.end() ? std::nullopt : std::optional(place->second);
  }

  std::map<std::pair<int, int>, int> input_, output_;
  std::set<std::pair<int, int>> attentions_;
  std::map<int, int> downsampler_;
  std::map<int, std::pair<int, bool>> upsampler_;  ///< Its layer, and whether that has an attention.
};

/** A rule's `to` as a pattern: every {field} is a number. */
std::string pattern_of(std::string_view to) {
  std::string pattern;
  for (size_t at = 0; at < to.size(); ++at) {
    if (to[at] == '{') at = to.find('}', at);
    pattern += to[at] == '}' ? '#' : to[at];
  }
  return pattern;
}

std::string inside_reversed(std::span<const Rule> rules, std::string_view rest) {
  std::vector<int> numbers;
  for (const auto& rule : rules)
    if (const auto length = match(rule.to, rest, numbers)) return rule.from + std::string(rest.substr(*length));
  return std::string(rest);
}

std::optional<std::string> original(std::span<const Rule> table, const FlatNumbers& flat, const std::string& name) {
  std::vector<int> numbers;
  for (const auto& rule : table) {
    const auto length = match(pattern_of(rule.to), name, numbers);
    const auto number = length ? flat.find(rule, numbers) : std::nullopt;
    if (!number) continue;
    std::string from = rule.from;
    if (const auto at = from.find('#'); at != from.npos) from.replace(at, 1, std::to_string(*number));
    if (*length == name.size()) return from;
    return from + "." + inside_reversed(rule.inside, std::string_view(name).substr(*length + 1));
  }
  return {};
}

void add(Tensors& result, const std::string& name, TensorView view) {
  if (!result.emplace(name, std::move(view)).second)
    fail(ErrorCode::bad_file, "model", fmt::format("two tensors are the {} of one network", name));
}

/** A third of the rows: q, k or v of a fused projection. */
TensorView third(const TensorView& fused, int i) {
  auto view = fused;
  view.shape[0] /= 3;
  view.bytes /= 3;
  if (view.data) view.data += i * view.bytes;
  return view;
}

/** Splits OpenCLIP's in_proj_weight and in_proj_bias; false if `name` is none of them. */
bool add_fused(Tensors& result, const std::string& name, const TensorView& view) {
  for (const std::string leaf : {"weight", "bias"}) {
    const auto ending = ".in_proj_" + leaf;
    if (!name.ends_with(ending) || view.shape.empty() || view.shape[0] % 3 != 0) continue;
    const auto stem = name.substr(0, name.size() - ending.size());
    for (int i = 0; i < 3; ++i) add(result, fmt::format("{}.{}_proj.{}", stem, "qkv"[i], leaf), third(view, i));
    return true;
  }
  return false;
}

}  // namespace

Tensors to_diffusers(Naming naming, const Tensors& tensors) {
  const auto table = rules(naming);
  const Places places(tensors);
  Tensors result;
  for (const auto& [name, view] : tensors) {
    const auto to = renamed(table, places, name);
    if (naming == Naming::open_clip && add_fused(result, to, view)) continue;
    // As OpenCLIP's own parameter it is multiplied from the other side than a linear layer's weight.
    const bool projection = name == "text_projection" && (naming == Naming::open_clip || naming == Naming::clip);
    add(result, projection ? "text_projection.weight" : to, view);
    if (projection) result.at("text_projection.weight").transposed = true;
  }
  return result;
}

std::map<std::string, std::string> from_diffusers(Naming naming, const std::vector<std::string>& names) {
  const auto table = rules(naming);
  const FlatNumbers flat(names);
  std::map<std::string, std::string> result;
  for (const auto& name : names)
    if (auto found = original(table, flat, name)) result.emplace(name, std::move(*found));
  return result;
}

}  // namespace corepulse::io
