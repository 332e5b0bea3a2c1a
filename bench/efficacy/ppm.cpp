#include "ppm.h"

#include <fmt/format.h>
#include <fstream>

#include "base/fail.h"

namespace corepulse::efficacy {

Image halved(const Image& image) {
  Image half{image.width / 2, image.height / 2, {}, {}};
  for (int y = 0; y < half.height; ++y)
    for (int x = 0; x < half.width; ++x)
      for (int c = 0; c < 3; ++c) {
        const auto at = [&](int dx, int dy) {
          return int(image.pixels[(size_t(2 * y + dy) * image.width + 2 * x + dx) * 3 + c]);
        };
        half.pixels.push_back(uint8_t((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4));
      }
  return half;
}

void save_column(const std::vector<Image>& pictures, const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  out << fmt::format("P6\n{} {}\n255\n", pictures[0].width, pictures[0].height * int(pictures.size()));
  for (const auto& picture : pictures)
    out.write(reinterpret_cast<const char*>(picture.pixels.data()), std::streamsize(picture.pixels.size()));
  if (!out.flush()) fail(ErrorCode::io, file.string(), "could not be written");
}

std::vector<Image> load_column(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(ErrorCode::not_found, file.string(), "is not there; expected the pictures of a run");
  std::string magic;
  int width = 0, height = 0, most = 0;
  in >> magic >> width >> height >> most;
  in.get();
  if (magic != "P6" || width <= 0 || width > 4096 || height <= 0 || height % width != 0 || most != 255)
    fail(ErrorCode::bad_file, file.string(), "is no column of square pictures");
  std::vector<Image> pictures(height / width, Image{width, width, std::vector<uint8_t>(size_t(width) * width * 3), {}});
  for (auto& picture : pictures)
    if (!in.read(reinterpret_cast<char*>(picture.pixels.data()), std::streamsize(picture.pixels.size())))
      fail(ErrorCode::bad_file, file.string(), "ends too early");
  return pictures;
}

}  // namespace corepulse::efficacy
