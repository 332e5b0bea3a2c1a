#include "io/directories.h"

#include <cstdlib>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace corepulse::io {
namespace fs = std::filesystem;

fs::path home_directory() {
  // Relative values are ignored, as the XDG rules ask: they would depend on where one stands.
  if (const char* home = std::getenv("HOME"); home && home[0] == '/') return home;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16384);
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || !found) return {};
  return found->pw_dir ? fs::path(found->pw_dir) : fs::path();
}

fs::path cache_directory() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache && cache[0] == '/') return cache;
  const auto home = home_directory();
  if (home.empty()) return {};
#ifdef __APPLE__
  return home / "Library" / "Caches";
#else
  return home / ".cache";
#endif
}

fs::path expand_home(const fs::path& path) {
  const std::string& text = path.native();
  if (text == "~") return home_directory();
  return text.substr(0, 2) == "~/" ? home_directory() / text.substr(2) : path;
}

}  // namespace corepulse::io
