#pragma once
// A name for a file that is there for as long as this lives.

#include <filesystem>
#include <fmt/format.h>
#include <random>
#include <string>

namespace corepulse {

class TemporaryFile {
 public:
  /** @param ending ".safetensors" */
  explicit TemporaryFile(const std::string& ending)
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("corepulse_bench_{}{}", std::random_device()(), ending)) {}
  ~TemporaryFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace corepulse
