#pragma once
// Whole models around the tiny UNets of tests/golden/shapes.

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "io/json.h"
#include "support/places.h"

namespace corepulse::test {

/** The family of tests/golden/models whose text encoders a shape's UNet reads. */
inline std::string family_of_shape(const std::string& shape) {
  const auto config = io::read_json(golden_folder() + "/shapes/" + shape + "/config.json");
  const int width = config["cross_attention_dim"];
  return width == 56 ? "sdxl" : width == 32 ? "sd2" : "sd1";
}

/** A folder of links to the family's networks and to the shape's UNet. */
class Assembled {
 public:
  explicit Assembled(const std::string& shape) {
    namespace fs = std::filesystem;
    std::string pattern = (fs::temp_directory_path() / "corepulse_shape_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    for (const auto& entry : fs::directory_iterator(golden_folder() + "/models/" + family_of_shape(shape)))
      if (entry.path().filename() != "unet") fs::create_symlink(entry.path(), path_ / entry.path().filename());
    fs::create_directory_symlink(golden_folder() + "/shapes/" + shape, path_ / "unet");
  }
  Assembled(const Assembled&) = delete;
  Assembled& operator=(const Assembled&) = delete;
  ~Assembled() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/** Made once for all tests of this program, and there until it ends. */
inline std::string assembled(const std::string& shape) {
  static std::map<std::string, Assembled> folders;
  return folders.try_emplace(shape, shape).first->second.path().string();
}

}  // namespace corepulse::test
