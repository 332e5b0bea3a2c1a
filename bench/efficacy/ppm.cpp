#include "ppm.h"

#include <algorithm>
#include <fmt/format.h>
#include <fstream>

#include "base/fail.h"

namespace corepulse::efficacy {

namespace {

constexpr int kAcross = 16;  // pictures in a row of a grid

/** Where row `y` of picture `i` begins in a grid's bytes. */
size_t offset(int side, size_t i, int y) {
  return ((i / kAcross * side + y) * kAcross + i % kAcross) * side * 3;
}

}  // namespace

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

Image gathered(const std::vector<Image>& pictures) {
  const int side = pictures.at(0).width, rows = (int(pictures.size()) + kAcross - 1) / kAcross;
  Image grid{side * kAcross, side * rows, std::vector<uint8_t>(size_t(side) * kAcross * side * rows * 3, 255), {}};
  for (size_t i = 0; i < pictures.size(); ++i)
    for (int y = 0; y < side; ++y)
      std::copy_n(&pictures[i].pixels[size_t(y) * side * 3], size_t(side) * 3, &grid.pixels[offset(side, i, y)]);
  return grid;
}

std::vector<Image> parted(const Image& grid, int side, size_t count, const std::filesystem::path& where) {
  const size_t rows = (count + kAcross - 1) / kAcross;
  if (grid.width != side * kAcross || size_t(grid.height) != rows * side)
    fail(ErrorCode::bad_file, where.string(), "holds other pictures than its facts list");
  std::vector<Image> pictures(count, Image{side, side, std::vector<uint8_t>(size_t(side) * side * 3), {}});
  for (size_t i = 0; i < count; ++i)
    for (int y = 0; y < side; ++y)
      std::copy_n(&grid.pixels[offset(side, i, y)], size_t(side) * 3, &pictures[i].pixels[size_t(y) * side * 3]);
  return pictures;
}

void save_ppm(const Image& image, const std::filesystem::path& file) {
  std::ofstream out(file, std::ios::binary);
  out << fmt::format("P6\n{} {}\n255\n", image.width, image.height);
  out.write(reinterpret_cast<const char*>(image.pixels.data()), std::streamsize(image.pixels.size()));
  if (!out.flush()) fail(ErrorCode::io, file.string(), "could not be written");
}

Image load_ppm(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) fail(ErrorCode::not_found, file.string(), "is not there; expected the pictures of a run");
  std::string magic;
  int width = 0, height = 0, most = 0;
  in >> magic >> width >> height >> most;
  in.get();
  constexpr int kMost = 1 << 14;
  if (magic != "P6" || width <= 0 || width > kMost || height <= 0 || height > kMost || most != 255)
    fail(ErrorCode::bad_file, file.string(), "is no PPM picture of usual size");
  Image image{width, height, std::vector<uint8_t>(size_t(width) * height * 3), {}};
  if (!in.read(reinterpret_cast<char*>(image.pixels.data()), std::streamsize(image.pixels.size())))
    fail(ErrorCode::bad_file, file.string(), "ends too early");
  return image;
}

}  // namespace corepulse::efficacy
