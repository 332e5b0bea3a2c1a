#pragma once
// Where a picture of a run really goes: never over another run's picture, or to standard output.

#include <filesystem>
#include <span>
#include <string>

#include "corepulse/image.h"

namespace corepulse::cli {

/** "~/cat.png" in the home folder, as a shell would; all else as it is. */
std::string expand_home(const std::string& path);

/** The first of cat.png, cat-2.png, ... that is not taken and does not exist, or holds the recipe of this text. */
std::filesystem::path free_name(const std::filesystem::path& file, const ImageText& text,
                                std::span<const std::filesystem::path> taken = {});

/** Makes the folder of a file where it is missing, and says so where more than the last part of it is. */
void make_folder(const std::filesystem::path& file, bool quiet);

/** A picture on its way to standard output: a file until then. */
class StandardOutput {
 public:
  /** @throws Error{invalid_request} where standard output is a terminal. */
  StandardOutput();
  ~StandardOutput();
  StandardOutput(const StandardOutput&) = delete;
  StandardOutput& operator=(const StandardOutput&) = delete;

  const std::filesystem::path& file() const { return file_; }
  /** @throws Error{io}. */
  void send() const;

 private:
  std::filesystem::path file_;
};

}  // namespace corepulse::cli
