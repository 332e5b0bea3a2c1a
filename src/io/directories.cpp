#include "io/directories.h"

#include <cctype>
#include <cstdlib>
#include <pwd.h>
#include <unistd.h>
#include <vector>

namespace corepulse::io {
namespace fs = std::filesystem;

namespace {

bool in_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
}

/** `folder` as "~" wherever it is a whole path or the beginning of one. */
void replace_folder(std::string& text, std::string folder) {
  while (folder.ends_with('/')) folder.pop_back();
  if (folder.empty()) return;
  for (size_t at = 0; (at = text.find(folder, at)) != text.npos; ++at) {
    const size_t end = at + folder.size();
    const bool begins = at == 0 || !in_name(text[at - 1]), ends = end == text.size() || !in_name(text[end]);
    if (begins && ends) text.replace(at, folder.size(), "~");
  }
}

}  // namespace

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

std::string without_home(std::string text) {
  const auto home = home_directory();
  std::error_code error;
  const auto followed = fs::weakly_canonical(home, error);
  replace_folder(text, home.string());
  if (!error) replace_folder(text, followed.string());
  return text;
}

}  // namespace corepulse::io
