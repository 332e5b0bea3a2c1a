#include "sweep/files/same_files.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "io/base64.h"
#include "io/digest/sha256.h"
#include "io/utf8.h"
#include "sweep/artist.h"

namespace corepulse::sweep {

namespace {

std::string text_at(const io::Json& json, const char* name) {
  const auto at = json.find(name);
  return at != json.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace

std::string model_key(const Recipe& recipe) {
  return to_json(model_part(recipe), -1);
}

void SameFiles::check(const Recipe& asked, const io::Json& resolved) {
  if (const auto made = resolved.find("made_with"); made != resolved.end())
    check_one("model", model_key(asked), text_at(*made, "model") + text_at(*made, "model_sha256"));
  check_files(io::parse_json(to_json(asked, -1), "recipe"), resolved);
}

void SameFiles::check_files(const io::Json& asked, const io::Json& resolved) {
  if (resolved.is_object()) {
    for (const char* field : {"file", "recording"}) {
      // A small mask is in the recipe itself, which then names no file, until rows name that of the sweep's folder.
      const auto embedded = io::from_base64(resolved.contains(field) ? "" : text_at(resolved, "data"));
      const auto digest = embedded && !embedded->empty() ? io::sha256_of(*embedded) : text_at(resolved, "sha256");
      const auto name = text_at(asked.is_object() ? asked : resolved, field);
      if (!name.empty() && !digest.empty()) check_one(field, name, digest);
    }
    if (const auto words = resolved.find("files");
        words != resolved.end() && words->is_array())  // of textual inversions
      for (const auto& word : *words)
        check_one("word", text_at(asked.is_object() ? asked : resolved, "folder") + "/" + text_at(word, "name"),
                  text_at(word, "sha256"));
    for (const auto& [name, part] : resolved.items())
      check_files(asked.is_object() && asked.contains(name) ? asked[name] : io::Json(), part);
  }
  if (resolved.is_array())
    for (size_t i = 0; i < resolved.size(); ++i)
      check_files(asked.is_array() && i < asked.size() ? asked[i] : io::Json(), resolved[i]);
}

void SameFiles::check_one(const std::string& kind, const std::string& name, std::string digest) {
  const auto [before, fresh] = known_.try_emplace({kind, name}, digest);
  if (!fresh && before->second != digest)
    fail(ErrorCode::invalid_request, "sweep",
         fmt::format("{} is not what other cells were drawn with; expected the same files for all of them, or another "
                     "folder",
                     kind == "model" ? "the model" : fmt::format("{} {}", kind, io::printable(name, 300))));
}

}  // namespace corepulse::sweep
