// Which program's text a picture holds.
#include "corepulse/picture_recipe.h"

#include <fmt/format.h>

#include "io/utf8.h"
#include "pipeline/foreign/reading.h"

namespace corepulse {

PictureRecipe recipe_of_picture(const ImageText& text, const std::string& loras) {
  for (const auto& [key, value] : text)
    if (!io::is_utf8(value))
      pipeline::refuse_foreign(ErrorCode::bad_file, fmt::format("its text \"{}\" is no UTF-8", io::printable(key)));
  const auto held = [&](const char* key) {
    const auto found = text.find(key);
    return found == text.end() ? nullptr : &found->second;
  };
  if (const auto* own = held("corepulse")) return {recipe_from_json(*own), "corepulse", {}};
  if (const auto* metadata = held("invokeai_metadata")) return pipeline::read_invoke_metadata(*metadata);
  const auto *graph = held("prompt"), *line = held("parameters");
  if (!graph && !line)
    pipeline::refuse_foreign(
        ErrorCode::invalid_request,
        "it holds no recipe of corepulse, and none of A1111, Forge, ComfyUI, InvokeAI or stable-diffusion.cpp");
  if (!graph) return pipeline::read_infotext(*line, loras);
  try {
    return pipeline::read_comfy_graph(*graph, loras);
  } catch (const Error& error) {
    if (!line) throw;
    auto read = pipeline::read_infotext(*line, loras);
    read.notes.push_back(
        fmt::format("its graph could not be followed, its \"parameters\" are read instead: {}", error.what()));
    return read;
  }
}

}  // namespace corepulse
