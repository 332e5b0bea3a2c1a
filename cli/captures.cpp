// What the captures of a run saw, as files beside its pictures.

#include "captures.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "corepulse/error.h"
#include "corepulse/pipeline.h"
#include "corepulse/recording.h"

#include "output.h"

namespace corepulse::cli {

namespace fs = std::filesystem;

namespace {

/** Names of files beside pictures; a name that was given before gets a number. */
class Beside {
 public:
  /** "cat.png", "-heat-eyes", ".npy" -> "cat-heat-eyes.npy". */
  fs::path name(const fs::path& picture, const std::string& end, const std::string& extension) {
    auto file = picture.parent_path() / picture.stem();
    file += end;
    const int n = ++given_[file.string() + extension];
    if (n > 1) file += fmt::format("-{}", n);
    return file += extension;
  }

 private:
  std::map<std::string, int> given_;
};

bool records(const std::vector<Control>& controls) {
  return std::any_of(controls.begin(), controls.end(), [](const Control& control) {
    const auto* capture = std::get_if<Capture>(&control.effect);
    return control.enabled && capture && capture->what != Capture::What::map;
  });
}

}  // namespace

Files save_heat_maps(const Result& result, const Files& pictures, const HeatMapForm& form) {
  Files files;
  Beside beside;
  for (const auto& map : result.heat_maps) {
    const auto& picture = pictures.at(size_t(map.image));
    const auto end = "-heat-" + slug(map.name);
    if (!form.no_pictures) {
      files.push_back(beside.name(picture, end, ".png"));
      save_image(overlay(map, result.images.at(size_t(map.image))), files.back(),
                 image_text(result, map.image, folder_of(picture)));
    }
    if (form.values != "npy") continue;
    files.push_back(beside.name(picture, end, ".npy"));
    save_heat_map(map, files.back());
  }
  for (size_t i = 0; i < pictures.size() && form.values == "safetensors"; ++i) {
    std::vector<HeatMap> maps;
    for (const auto& map : result.heat_maps)
      if (map.image == int(i)) maps.push_back(map);
    if (maps.empty()) continue;
    files.push_back(beside.name(pictures[i], "-heat", ".safetensors"));
    save_heat_maps(maps, files.back());
  }
  return files;
}

Files save_recordings(const Result& result, const Files& pictures) {
  Files files;
  Beside beside;
  for (const auto& recording : result.recordings) {
    files.push_back(beside.name(pictures.at(size_t(recording.image)), "-" + slug(recording.name), ".safetensors"));
    save_recording(recording, files.back());
  }
  return files;
}

void check_recordings(const Recipe& recipe, const Files& pictures) {
  const bool any = records(recipe.controls) ||
                   std::any_of(recipe.edits.begin(), recipe.edits.end(),
                               [](const LiveEdit& edit) { return records(edit.controls); }) ||
                   (recipe.second_pass && recipe.second_pass->controls && records(*recipe.second_pass->controls));
  if (!any) return;
  const double bytes = double(recording_bytes(recipe));
  const auto folder = nearest_folder(pictures.at(0));
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (error || bytes <= double(space.available)) return;
  throw Error(ErrorCode::io,
              fmt::format("[record] the recordings take {:.1f} GB; {:.1f} GB are free in {}; record fewer "
                          "layers or steps",
                          bytes / 1e9, double(space.available) / 1e9, folder.string()));
}

}  // namespace corepulse::cli
