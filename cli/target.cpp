#include "target.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <random>
#include <unistd.h>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "terminal/progress.h"

namespace corepulse::cli {

namespace fs = std::filesystem;

namespace {

/** What of a recipe decides the picture: not the machine, nor who watches. */
Recipe drawn_by(const ImageText& text) {
  auto recipe = recipe_from_json(text.at("corepulse"));
  recipe.made_with = {};
  std::erase_if(recipe.controls, [](const Control& c) { return std::holds_alternative<Capture>(c.effect); });
  return recipe;
}

bool holds_recipe_of(const fs::path& file, const ImageText& text) {
  try {
    return drawn_by(load_image_text(file)) == drawn_by(text);
  } catch (const std::exception&) {  // no picture, or not one of ours
    return false;
  }
}

}  // namespace

std::string expand_home(const std::string& path) {
  const char* home = std::getenv("HOME");
  const bool at_home = path == "~" || path.starts_with("~/");
  return home && at_home ? home + path.substr(1) : path;
}

fs::path free_name(const fs::path& file, const ImageText& text, std::span<const fs::path> taken) {
  for (int i = 1;; ++i) {
    auto name = file.stem();
    if (i > 1) name += fmt::format("-{}", i);
    name += file.extension();
    const auto candidate = file.parent_path() / name;
    std::error_code ignored;
    if (std::find(taken.begin(), taken.end(), candidate) != taken.end()) continue;
    if (!fs::exists(candidate, ignored) || holds_recipe_of(candidate, text)) return candidate;
  }
}

void make_folder(const fs::path& file, bool quiet) {
  const auto folder = fs::absolute(file).parent_path();
  std::error_code ignored;
  if (fs::exists(folder, ignored)) return;
  const bool deep = !fs::exists(folder.parent_path(), ignored);
  fs::create_directories(folder);
  if (deep) note("note: made the folder " + file.parent_path().string(), quiet);
}

StandardOutput::StandardOutput() {
  if (isatty(STDOUT_FILENO))
    throw Error(ErrorCode::invalid_request,
                "[-o] - would write a picture's bytes to the terminal; expected a pipe or a file behind it");
  std::random_device random;
  file_ = fs::temp_directory_path() / fmt::format("corepulse-{:08x}{:08x}.png", random(), random());
}

StandardOutput::~StandardOutput() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

void StandardOutput::send() const {
  std::cout << std::ifstream(file_, std::ios::binary).rdbuf() << std::flush;
  if (!std::cout) throw Error(ErrorCode::io, "[-o] cannot write the picture to standard output");
}

}  // namespace corepulse::cli
