// Where pictures go: one file, file-1.png file-2.png ..., or a folder that names them itself.

#include "output.h"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>

#include "corepulse/error.h"
#include "corepulse/image.h"

namespace corepulse::cli {

namespace fs = std::filesystem;

namespace {

/** "A cat, in a park!" -> "a-cat-in-a-park", at most 48 letters; "picture" when no ASCII letter is
 * left. */
std::string slug(const std::string& prompt) {
  constexpr size_t kLongest = 48;
  std::string text;
  for (const char c : prompt) {
    const char lower = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9'))
      text += lower;
    else if (!text.empty() && text.back() != '-')
      text += '-';
    if (text.size() == kLongest) break;
  }
  while (!text.empty() && text.back() == '-') text.pop_back();
  return text.empty() ? "picture" : text;
}

/** The first of "name.png", "name-2.png", ... that neither exists nor was taken before. */
fs::path unused(const fs::path& folder, const std::string& name, const std::vector<fs::path>& taken) {
  for (int i = 1;; ++i) {
    const auto file = folder / (i == 1 ? name + ".png" : fmt::format("{}-{}.png", name, i));
    std::error_code ignored;
    if (!fs::exists(file, ignored) && std::find(taken.begin(), taken.end(), file) == taken.end()) return file;
  }
}

}  // namespace

std::vector<fs::path> output_files(const std::string& output, const std::string& prompt,
                                   const std::vector<uint64_t>& seeds) {
  const fs::path given = output.empty() ? "." : output;
  std::error_code ignored;
  const bool folder = fs::is_directory(given, ignored) || !given.has_extension();
  std::vector<fs::path> files;
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (folder) {
      files.push_back(unused(given, fmt::format("{}-{}", slug(prompt), seeds[i]), files));
    } else if (seeds.size() == 1) {
      files.push_back(given);
    } else {
      auto name = given.stem();
      name += fmt::format("-{}", i + 1);
      name += given.extension();
      files.push_back(given.parent_path() / name);
    }
  }
  return files;
}

bool is_picture_name(const fs::path& file) {
  auto extension = file.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".webp";
}

void check_output(const std::vector<fs::path>& files) {
  for (const auto& file : files) {
    if (!is_picture_name(file))
      throw Error(ErrorCode::invalid_request,
                  fmt::format("[-o] {} is no picture's name; expected .png, .jpg, .jpeg or .webp", file.string()));
    auto folder = fs::absolute(file).parent_path();
    std::error_code ignored;
    while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
    check_writable(folder / file.filename());
  }
}

}  // namespace corepulse::cli
