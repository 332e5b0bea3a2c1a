#include "pipeline/weights/adapter_files.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "base/fail.h"
#include "base/names.h"
#include "control/quote.h"
#include "io/digest/digests.h"
#include "io/digest/sha256.h"
#include "io/utf8.h"
#include "pipeline/prepare/visit_files.h"

namespace corepulse::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEnding = ".safetensors";

bool is_regular(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

/** The names in a folder, without endings. */
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored))
    if (at->path().extension() == kEnding) names.push_back(at->path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

bool is_looked_up(const std::string& name, const std::string& folder) {
  return !folder.empty() && !name.empty() && !fs::path(name).has_parent_path();
}

std::string file_named(const std::string& name, const std::string& folder) {
  const bool looked_up = is_looked_up(name, folder);
  const auto place = looked_up ? folder / fs::path(name) : fs::path(name);
  for (const auto& file : {place, fs::path(place.string() + kEnding)})
    if (is_regular(file)) return file.string();
  if (!looked_up) return name;
  const auto names = names_in(folder);
  fail(ErrorCode::not_found, "lora",
       fmt::format("no {} in {}; {}", control::quote(name), io::printable(folder, 300),
                   names.empty() ? "it holds no .safetensors file" : choices(name, names)));
}

using model::Part;

adapters::Shapes shapes_of(const model::Parts& parts) {
  adapters::Shapes shapes;
  for (const auto& [part, network] : parts.collection.networks) {
    if (part == Part::vae) continue;
    auto& of_network = shapes[name(part)];
    for (const auto& [tensor, view] : network.stored.tensors) {
      auto shape = view.shape;
      if (view.transposed) std::swap(shape.at(0), shape.at(1));
      of_network[adapted_name(part, tensor)] = std::move(shape);
    }
  }
  return shapes;
}

adapters::Dora dora_of(DoraReading reading) {
  switch (reading) {
    case DoraReading::lycoris:
      return adapters::Dora::lycoris;
    case DoraReading::comfy:
      return adapters::Dora::comfyui;
    case DoraReading::blended:
      break;
  }
  return adapters::Dora::blended;
}

/** Which layers the UNet's deltas change, and of what rank. */
template <class Deltas>
void note_layers(const Deltas& deltas, control::AdapterInfo& info) {
  bool factored = true;
  for (const auto& [tensor, delta] : deltas) {
    info.layers.insert(tensor.substr(0, tensor.rfind('.')));
    info.rank = std::max(info.rank, delta->rank());
    factored &= delta->rank() > 0;
  }
  if (!factored) info.rank = 0;
}

std::shared_ptr<const AdapterFile> read_adapter(const Lora& lora, const model::Parts& parts) {
  AdapterFile file{{.name = lora.file, .strict = lora.strict, .dora = lora.dora}, {}, {}};
  file.content = adapters::read(lora.file, shapes_of(parts), {.strict = lora.strict, .dora = dora_of(lora.dora)});
  file.sha256 = io::kept_sha256(file.content.file);
  if (!file.content.settings.empty()) file.sha256 = io::sha256_of(file.sha256 + file.content.settings);
  for (const auto& [network, deltas] : file.content.deltas) {
    if (network != name(Part::unet)) file.info.texts |= !deltas.empty();
    if (network == name(Part::unet)) note_layers(deltas, file.info);
  }
  return std::make_shared<const AdapterFile>(std::move(file));
}

auto of(const Lora& lora) {
  return [&lora](const auto& file) {
    return file->info.name == lora.file && file->info.strict == lora.strict && file->info.dora == lora.dora;
  };
}

void check_sha256(const Lora& lora, const AdapterFile& file) {
  if (!lora.sha256.empty() && lora.sha256 != file.sha256)
    fail(ErrorCode::bad_file, "lora",
         fmt::format("{} is not the file that the recipe was made with: its SHA-256 is {:.10}..., the recipe's "
                     "{:.10}...; put that file back, or take sha256 out of the recipe",
                     io::printable(lora.file, 300), file.sha256, io::printable(lora.sha256)));
}

/** visit(Lora&) of those that act, with what errors call them. */
template <class Controls, class Visit>
void each_lora(Controls& controls, const std::string& path, const Visit& visit) {
  for (size_t i = 0; i < controls.size(); ++i) {
    auto* lora = controls[i].enabled ? adapter_of(controls[i]) : nullptr;
    if (!lora || lora->file.empty()) continue;
    try {
      visit(*lora);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("[{}[{}].file] {}", path, i, e.what()));
    }
  }
}

}  // namespace

void find_adapters(std::vector<Control>& controls, const std::string& folder, const std::string& path) {
  each_lora(controls, path, [&](Lora& lora) { lora.file = file_named(lora.file, folder); });
  // One that is switched off need not be there, but is still looked for in this folder when it is switched on.
  for (auto& control : controls)
    if (auto* lora = adapter_of(control); lora && !control.enabled && is_looked_up(lora->file, folder))
      lora->file = (folder / fs::path(lora->file)).string();
}

AdapterFiles with_adapters(AdapterFiles known, const std::vector<Control>& controls, const std::string& path,
                           const model::Parts& parts) {
  each_lora(controls, path, [&](const Lora& lora) {
    auto file = std::find_if(known.begin(), known.end(), of(lora));
    if (file == known.end()) file = known.insert(file, read_adapter(lora, parts));
    check_sha256(lora, **file);
  });
  return known;
}

void keep_digests(std::vector<Control>& controls, const AdapterFiles& files) {
  each_lora(controls, "controls",
            [&](Lora& lora) { lora.sha256 = (*std::find_if(files.begin(), files.end(), of(lora)))->sha256; });
}

std::vector<std::string> notes_of(const AdapterFiles& files, size_t from) {
  std::vector<std::string> notes;
  for (size_t i = from; i < files.size(); ++i)
    notes.insert(notes.end(), files[i]->content.notes.begin(), files[i]->content.notes.end());
  return notes;
}

std::string adapted_name(model::Part part, const std::string& tensor) {
  const bool whole = part == Part::unet || tensor.starts_with("text_model.") || tensor.starts_with("text_projection.");
  return whole ? tensor : "text_model." + tensor;
}

}  // namespace corepulse::pipeline
