// Where pictures go: one file, file-SEED.png for each of several, or a folder that names them itself.

#include "output.h"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>

#include "corepulse/error.h"
#include "corepulse/image.h"
#include "corepulse/pipeline.h"

#include "target.h"

namespace corepulse::cli {

namespace fs = std::filesystem;

namespace {

/** The first of "name.png", "name-2.png", ... that neither exists nor was taken before. */
fs::path unused(const fs::path& folder, const std::string& name, const std::vector<fs::path>& taken) {
  for (int i = 1;; ++i) {
    const auto file = folder / (i == 1 ? name + ".png" : fmt::format("{}-{}.png", name, i));
    std::error_code ignored;
    if (!fs::exists(file, ignored) && std::find(taken.begin(), taken.end(), file) == taken.end()) return file;
  }
}

std::string lower_extension(const fs::path& file) {
  auto extension = file.extension().string();
  for (char& c : extension) c = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
  return extension;
}

/** Whether its text may be too small for what a run puts into a recipe. */
bool is_small(const fs::path& file) {
  return lower_extension(file).starts_with(".jp");
}

}  // namespace

fs::path folder_of(const fs::path& file) {
  return file.has_parent_path() ? file.parent_path() : fs::path(".");
}

std::string slug(const std::string& text) {
  constexpr size_t kLongest = 48;
  std::string out;
  for (const char c : text) {
    const char lower = c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c;
    if ((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9'))
      out += lower;
    else if (!out.empty() && out.back() != '-')
      out += '-';
    if (out.size() == kLongest) break;
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "picture" : out;
}

std::vector<fs::path> output_files(const std::string& output, const std::string& prompt,
                                   const std::vector<uint64_t>& seeds) {
  const fs::path given = output.empty() ? "." : expand_home(output);
  std::error_code ignored;
  const bool folder = fs::is_directory(given, ignored) || !given.has_extension();
  std::vector<fs::path> files;
  for (size_t i = 0; i < seeds.size(); ++i) {
    if (folder) {
      files.push_back(unused(given, fmt::format("{}-{}", slug(prompt), seeds[i]), files));
    } else if (seeds.size() == 1) {
      files.push_back(given);
    } else {
      const auto again = std::count(seeds.begin(), seeds.begin() + std::ptrdiff_t(i), seeds[i]);
      auto name = given.stem();
      name += fmt::format("-{}", seeds[i]);
      if (again > 0) name += fmt::format("-{}", again + 1);
      name += given.extension();
      files.push_back(given.parent_path() / name);
    }
  }
  return files;
}

bool is_picture_name(const fs::path& file) {
  const auto extension = lower_extension(file);
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg" || extension == ".webp";
}

void check_output(const std::vector<fs::path>& files) {
  for (const auto& file : files) {
    if (!is_picture_name(file))
      throw Error(ErrorCode::invalid_request,
                  fmt::format("[-o] {} is no picture's name; expected .png, .jpg, .jpeg or .webp", file.string()));
    check_writable(nearest_folder(file) / file.filename());
  }
}

void check_recipe_fits(const Recipe& recipe, const std::vector<fs::path>& files) {
  Result made{.recipe = is_small(files.at(0)) ? explain(recipe).recipe : recipe};
  // What the run will fill in, at its longest.
  made.recipe.width = made.recipe.height = 8192;
  made.recipe.made_with = {version(), std::string(64, '0'), "metal", "bf16", "avx512_bf16", std::string(64, '0')};
  for (size_t i = 0; i < files.size(); ++i) check_text_fits(image_text(made, int(i), folder_of(files[i])), files[i]);
}

fs::path nearest_folder(const fs::path& file) {
  auto folder = fs::absolute(file).parent_path();
  std::error_code ignored;
  while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

}  // namespace corepulse::cli
