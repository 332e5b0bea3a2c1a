#pragma once
// Files that are in the program: the page's as "studio/NAME", "openapi.json", "tools.json", "recipe.schema.json".

#include <string_view>
#include <vector>

namespace corepulse::server {

struct EmbeddedFile {
  std::string_view name, bytes;
  std::string_view gzip;  ///< The same bytes packed; "" where that is not shorter.
};
const std::vector<EmbeddedFile>& embedded_files();
/** @throws Problem 404. */
const EmbeddedFile& embedded_file(std::string_view name);

}  // namespace corepulse::server
