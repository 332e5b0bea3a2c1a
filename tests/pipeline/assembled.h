#pragma once
// Whole models around the tiny UNets of tests/golden/shapes.

#include <map>
#include <string>

#include "../io/support.h"
#include "io/json.h"
#include "support/places.h"

namespace corepulse::test {

/** The family of tests/golden/models whose text encoders a shape's UNet reads. */
inline std::string family_of_shape(const std::string& shape) {
  const auto config = io::read_json(golden_folder() + "/shapes/" + shape + "/config.json");
  const int width = config["cross_attention_dim"];
  return width == 56 ? "sdxl" : width == 32 ? "sd2" : "sd1";
}

/** A folder of links to the family's networks and the shape's UNet; it stays until the program ends. */
inline std::string assembled(const std::string& shape) {
  static std::map<std::string, Folder> folders;
  const auto [place, made] = folders.try_emplace(shape);
  const auto& folder = place->second;
  if (!made) return folder.path().string();
  for (const auto& entry : fs::directory_iterator(golden_folder() + "/models/" + family_of_shape(shape)))
    if (entry.path().filename() != "unet") fs::create_symlink(entry.path(), folder / entry.path().filename().string());
  fs::create_directory_symlink(golden_folder() + "/shapes/" + shape, folder / "unet");
  return folder.path().string();
}

}  // namespace corepulse::test
