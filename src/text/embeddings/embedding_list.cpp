#include "corepulse/embedding_list.h"

#include "text/embeddings/embedded_words.h"

namespace corepulse {
namespace {

const char* family_of_widths(const std::vector<int>& widths) {
  if (widths == std::vector{768, 1280}) return "sdxl";
  if (widths == std::vector{768}) return "sd1";
  return widths == std::vector{1024} ? "sd2" : "";
}

}  // namespace

std::vector<EmbeddingInfo> list_embeddings(const std::filesystem::path& folder) {
  std::vector<EmbeddingInfo> list;
  for (const auto& [name, path] : text::embedding_words(folder)) {
    EmbeddingInfo info{.name = name, .file = path.string()};
    try {
      const auto file = text::open_embedding(path);
      info.vectors = file.vectors, info.widths = file.widths, info.family = family_of_widths(file.widths);
    } catch (const Error& error) {
      info.error = error.what();
    }
    list.push_back(std::move(info));
  }
  return list;
}

}  // namespace corepulse
