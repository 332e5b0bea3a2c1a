#include "text/embeddings/embedding_file.h"

#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/file.h"
#include "io/utf8.h"
#include "nn/stored.h"

namespace corepulse::text {
namespace {

constexpr size_t kMostBytes = 64u << 20;
constexpr int64_t kMostVectors = 75, kMostWidth = 8192;

[[noreturn]] void refuse_embedding(const std::filesystem::path& path, std::string_view message) {
  fail(ErrorCode::bad_file, "embedding", fmt::format("{}: {}", io::shown(path), message));
}

/** The tensors of the file, by text encoder. */
std::vector<std::string> names_of_tensors(const EmbeddingFile& embedding) {
  const auto& tensors = embedding.file.tensors;
  if (tensors.contains("clip_l") && tensors.contains("clip_g") && tensors.size() == 2) return {"clip_l", "clip_g"};
  if (tensors.size() == 1 && !tensors.contains("clip_l") && !tensors.contains("clip_g"))
    return {tensors.begin()->first};
  if (tensors.contains("emb_params")) return {"emb_params"};
  refuse_embedding(
      embedding.path,
      fmt::format("{} tensors; expected one (SD1, SD2), or clip_l and clip_g (SDXL): it is no textual inversion",
                  tensors.size()));
}

}  // namespace

EmbeddingFile open_embedding(const std::filesystem::path& path) {
  EmbeddingFile made{.path = path, .file = io::open_safetensors(path)};
  if (made.file.file_bytes > kMostBytes) refuse_embedding(path, "more than 64 MB; a textual inversion has some KB");
  made.tensors = names_of_tensors(made);
  for (const auto& name : made.tensors) {
    const auto& tensor = made.file.tensors.at(name);
    const auto& shape = tensor.shape;
    const int64_t vectors = shape.size() == 2 ? shape[0] : 1, width = shape.empty() ? 0 : shape.back();
    if (!nn::is_number(tensor.type) || shape.empty() || shape.size() > 2 || width < 1 || width > kMostWidth)
      refuse_embedding(
          path, fmt::format("the tensor \"{}\" is no list of vectors; expected [vectors, width] of floating point",
                            io::printable(name)));
    if (vectors < 1 || vectors > kMostVectors)
      refuse_embedding(path,
                       fmt::format("{} vectors; expected 1 to {}: each takes a prompt's token", vectors, kMostVectors));
    if (made.vectors != 0 && made.vectors != vectors)
      refuse_embedding(path,
                       fmt::format("clip_l has {} vectors and clip_g {}; expected as many", made.vectors, vectors));
    made.vectors = static_cast<int>(vectors);
    made.widths.push_back(static_cast<int>(width));
  }
  return made;
}

mx::array EmbeddingFile::read(size_t encoder) const {
  io::check_unchanged(file);
  const auto& name = tensors.at(encoder);
  auto array = nn::to_array(file.tensors.at(name), {vectors, widths.at(encoder)}, mx::float32);
  array.eval();
  for (size_t i = 0; i < array.size(); ++i)
    if (!std::isfinite(array.data<float>()[i]))
      refuse_embedding(path, fmt::format("the tensor \"{}\" holds numbers that are not finite", io::printable(name)));
  return array;
}

}  // namespace corepulse::text
