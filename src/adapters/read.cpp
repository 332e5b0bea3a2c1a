// From keys to layers to differences: every key is used once, or named.

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "adapters/adapter.h"
#include "adapters/family.h"
#include "adapters/format.h"
#include "adapters/keys.h"
#include "adapters/kinds.h"
#include "adapters/names.h"
#include "adapters/peft_config.h"
#include "base/fail.h"
#include "io/tensors/stored_type.h"
#include "io/utf8.h"
#include "nn/stored.h"

namespace corepulse::adapters {
namespace {

struct Found {
  const Module* module = nullptr;
  Layer stored;
};

class Reader {
 public:
  Reader(const std::filesystem::path& path, const Shapes& model, const ReadOptions& options)
      : model_(model),
        options_(options),
        file_(io::open_safetensors(path)),
        source_(std::make_shared<Source>(Source{io::shown(path), file_.mapping})),
        names_(model),
        peft_(PeftConfig::read(path, file_)) {
    result_.file = file_.mapping;
    result_.settings = peft_.beside();
  }

  Adapter read() {
    try {
      sort_keys();
      if (!unknown_.empty()) refuse_other_family();
      for (auto& [name, layer] : layers_) change(layer);
    } catch (const Error&) {
      refuse_other_family();
      throw;
    }
    if (result_.deltas.empty())
      fail(ErrorCode::unsupported_model, "adapter",
           fmt::format("{} names no layer of the model; expected a LoRA or its kin", source_->path));
    result_.format = format_.text();
    return std::move(result_);
  }

 private:
  /** Better than the first key that does not fit. */
  void refuse_other_family() const {
    if (const auto family = other_family(file_, model_))
      fail(ErrorCode::unsupported_model, "adapter",
           fmt::format("{} is for {}, and the model is {}; use an adapter that was made for it", source_->path, *family,
                       family_of(model_)));
  }

  void check(const Stored& stored, bool number) const {
    if (stored.view.elements() == 0) stored.refuse(fmt::format("is {}: it holds nothing", shown(stored.view.shape)));
    if (number && !nn::is_number(stored.view.type))
      stored.refuse(fmt::format("is stored as {}; expected F16, BF16, F32, F64 or F8", io::name(stored.view.type)));
  }

  void sort_keys() {
    // In order: of several faults it is always the same that is told.
    const std::map<std::string_view, io::TensorView> sorted(file_.tensors.begin(), file_.tensors.end());
    for (const auto& [name, view] : sorted) {
      const std::string key(name);
      const auto found = split(name);
      const auto* module = found ? names_.find(found->layer) : nullptr;
      if (!module) {
        unknown_.push_back(key);
        continue;
      }
      Stored stored{key, view, source_};
      check(stored, found->slot != "alpha" && found->slot != "on_input");
      auto& layer = layers_[{module->network, module->name}];
      layer.module = module;
      const auto [place, fresh] = layer.stored.parts.emplace(found->slot, std::move(stored));
      if (!fresh)
        fail(ErrorCode::bad_file, "adapter",
             fmt::format("{}: tensors {} and {} are both the {} of one layer", source_->path,
                         io::printable(place->second.key, 200), io::printable(key, 200), found->slot));
      if (found->style) format_.add(*found->style);
    }
    for (const auto& key : unknown_)
      if (const auto kind = foreign_kind(key); !kind.empty())
        fail(ErrorCode::unsupported_model, "adapter",
             fmt::format("{} is {} (tensor {}), a kind that is not known here", source_->path, kind,
                         io::printable(key, 200)));
    if (!unknown_.empty()) refuse_or_note_unknown();
  }

  void refuse_or_note_unknown() {
    auto listed = std::vector<std::string>(unknown_.begin(), unknown_.begin() + std::min<size_t>(5, unknown_.size()));
    for (auto& key : listed) key = io::printable(key, 200);
    const auto text =
        fmt::format("{}: {} of {} tensor(s) belong to no layer of the model: {}{}", source_->path, unknown_.size(),
                    file_.tensors.size(), fmt::join(listed, ", "), unknown_.size() > listed.size() ? ", ..." : "");
    if (options_.strict)
      fail(ErrorCode::unsupported_model, "adapter", text + "; --lora-strict=no leaves them out and says so");
    if (unknown_.size() == file_.tensors.size()) fail(ErrorCode::unsupported_model, "adapter", text);
    result_.notes.push_back(text + "; they are left out");
  }

  void add(const Module& module, const char* leaf, DeltaPointer delta) {
    result_.deltas[module.network][module.name + leaf] = std::move(delta);
  }

  void change(Found& found) {
    const auto& module = *found.module;
    auto& layer = found.stored;
    layer.weight = squeezed(module.weight);
    layer.bias = module.bias;
    layer.peft = peft_.scale(module.network, module.name);
    if (auto delta = change_weight(layer, options_.dora)) add(module, ".weight", std::move(delta));
    if (auto delta = change_bias(layer)) add(module, ".bias", std::move(delta));
    const auto left = layer.left();
    if (!left.empty()) left.front()->refuse("does not go with the layer's other tensors, or these are not complete");
    std::map<std::string_view, Sizes> shapes;
    for (const auto& [slot, stored] : layer.parts) shapes[slot] = stored.view.shape;
    format_.add(shapes);
  }

  const Shapes& model_;
  const ReadOptions& options_;
  io::SafetensorsFile file_;
  std::shared_ptr<const Source> source_;
  Names names_;
  PeftConfig peft_;
  std::map<std::pair<std::string, std::string>, Found> layers_;  ///< By network and name.
  std::vector<std::string> unknown_;
  Format format_;
  Adapter result_;
};

}  // namespace

Adapter read(const std::filesystem::path& file, const Shapes& model, const ReadOptions& options) {
  return Reader(file, model, options).read();
}

}  // namespace corepulse::adapters
