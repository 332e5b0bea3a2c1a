#pragma once
// What the tests of files share: a folder that goes away, and errors as values.

#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

#include "corepulse/error.h"

namespace corepulse::test {

namespace fs = std::filesystem;

/** A fresh folder, removed with everything in it. */
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "corepulse_io_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }
  /** How many entries it has. */
  long count() const { return std::distance(fs::directory_iterator(path_), {}); }

 private:
  fs::path path_;
};

inline void put(const fs::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

inline std::string get(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/** "bad_file: [safetensors] ...", or "" if `act` threw nothing. */
template <typename F>
std::string refusal(F&& act) {
  try {
    act();
  } catch (const Error& e) {
    return std::string(name(e.code())) + ": " + e.what();
  }
  return "";
}

/** Whether every one of `parts` stands in `text`. */
inline bool has(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    if (text.find(part) == text.npos) return false;
  return true;
}

}  // namespace corepulse::test
