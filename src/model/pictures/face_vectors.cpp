// Vectors of faces that another program made (InsightFace), as FaceID adapters read them.
#include <cmath>
#include <fmt/format.h>
#include <map>

#include "base/fail.h"
#include "io/file.h"
#include "io/tensors/safetensors.h"
#include "io/utf8.h"
#include "model/pictures/picture_adapter.h"
#include "nn/stored.h"

namespace corepulse::model {

std::vector<float> read_face_vectors(const std::filesystem::path& path, int width) {
  constexpr size_t kMostVectors = 64;
  const auto bad = [&](const std::string& why) {
    fail(ErrorCode::bad_file, "picture_prompt", fmt::format("{}: {}", path.string(), why));
  };
  if (!io::is_there(path))
    fail(ErrorCode::not_found, "picture_prompt",
         fmt::format("there is no {}; a FaceID adapter reads faces' vectors from a safetensors file",
                     io::printable(path.string(), 300)));
  const auto file = io::open_safetensors(path);
  std::vector<float> all;
  for (const auto& [name, view] : std::map(file.tensors.begin(), file.tensors.end())) {
    const auto count = view.elements();
    if (view.shape.empty() || view.shape.back() != width || !nn::is_number(view.type) || count == 0 ||
        count > kMostVectors * static_cast<size_t>(width))
      bad(fmt::format("tensor {} is no list of 1 to {} vectors of {} numbers, as the adapter reads them",
                      io::printable(name, 120), kMostVectors, width));
    const auto values = nn::to_array(view, {static_cast<int>(count)}, mx::float32);
    all.insert(all.end(), values.data<float>(), values.data<float>() + count);
  }
  if (all.empty()) bad("it holds no tensor");
  for (const float v : all)
    if (!std::isfinite(v)) bad("a vector holds infinite or undefined numbers");
  io::check_unchanged(file);
  return all;
}

}  // namespace corepulse::model
