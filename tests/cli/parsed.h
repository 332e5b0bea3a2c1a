#pragma once
// A command line as the recipe that it means, and files for it.

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "run_flags.h"

namespace corepulse::test {

inline Recipe parse(std::vector<std::string> arguments) {
  CLI::App app;
  cli::RunFlags flags(app);
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
  app.parse(arguments);
  return flags.recipe();
}

/** A file's name in this process's own folder; the file goes with it. */
struct File {
  std::filesystem::path path;
  explicit File(const std::string& name) : path(std::filesystem::temp_directory_path() / name) {}
  ~File() { std::filesystem::remove(path); }
};

}  // namespace corepulse::test
