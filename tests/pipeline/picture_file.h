#pragma once
// Pictures of the goldens as files and images.

#include <filesystem>
#include <unistd.h>

#include "corepulse/image.h"

#include "support/golden.h"

namespace corepulse::test {

/** A golden's uint8 tensor [H, W, 3]. */
inline Image golden_picture(const Golden& golden, const std::string& name) {
  const auto& view = golden.view(name);
  const auto* bytes = reinterpret_cast<const uint8_t*>(view.data);
  return {static_cast<int>(view.shape[1]), static_cast<int>(view.shape[0]), {bytes, bytes + view.bytes}, {}};
}

/** A picture's file that goes away; of this process, for a test may run in two types of numbers at once. */
struct PictureFile {
  std::filesystem::path path;
  PictureFile(const std::string& name, const Image& image)
      : path(std::filesystem::temp_directory_path() / ("corepulse_" + std::to_string(getpid()) + "_" + name)) {
    save_image(image, path);
  }
  ~PictureFile() { std::filesystem::remove(path); }
  PictureFile(const PictureFile&) = delete;
  PictureFile& operator=(const PictureFile&) = delete;
};

}  // namespace corepulse::test
