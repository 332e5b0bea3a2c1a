#pragma once
// Sweeps without a model: pictures that recipes alone decide.

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <unistd.h>

#include "corepulse/sweep.h"

#include "sweep/artist.h"
#include "sweep/rows.h"

namespace corepulse::test {

namespace fs = std::filesystem;

/** A folder of its own, gone at the end. */
class Folder {
 public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "corepulse_sweep_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const fs::path& name) const { return path_ / name; }

 private:
  fs::path path_;
};

inline std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

inline void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

/** Draws 24 x 16 pixels that a hash of the recipe fills, at once. */
class Painter : public sweep::Artist {
 public:
  void check(const Recipe& recipe) override {
    if (recipe.prompt == "bad") throw Error(ErrorCode::invalid_request, "[prompt] the model does not know this");
  }
  double seconds(const Recipe&) override { return 0; }
  sweep::Drawn draw(const Recipe& recipe, const fs::path& folder) override {
    if (before) before(drawn);
    ++drawn;
    auto resolved = recipe;
    resolved.width = 24, resolved.height = 16;
    if (!mask.empty() && !resolved.controls.empty())  // as a run does with a small mask that it read
      resolved.controls[0].region = Region{.shape = Region::Shape::picture, .data = mask};
    Image image{24, 16, {}, {}};
    auto state = std::hash<std::string>()(to_json(recipe, -1));
    for (int i = 0; i < 24 * 16 * 3; ++i) {
      state = state * 6364136223846793005ull + 1442695040888963407ull;
      image.pixels.push_back(uint8_t(state >> 56));
    }
    return {image, {{"corepulse", to_json(recipe_for_folder(resolved, folder), -1)}}, resolved, 0.25};
  }

  std::string mask;  ///< The first control's, in base64; "": none.
  int drawn = 0;
  std::function<void(int)> before;  ///< Called with how many were drawn.
};

/** Draws pictures of as many steps, by one sampler, together. */
class GroupPainter : public Painter {
 public:
  size_t together(const std::vector<sweep::Order>& orders, bool fastest) override {
    size_t count = 1;
    while (count < orders.size() && orders[count].recipe->steps == orders[0].recipe->steps) ++count;
    return fastest ? std::min<size_t>(count, 2) : count;
  }
  std::vector<sweep::Drawn> draw_together(const std::vector<sweep::Order>& orders) override {
    groups.push_back(orders.size());
    if (orders.size() > room) throw Error(ErrorCode::out_of_memory, "[memory] too many");
    for (const auto& order : orders)
      if (order.recipe->seeds[0] == bad) throw Error(ErrorCode::internal, "[generate] one of them");
    return Painter::draw_together(orders);
  }
  sweep::Drawn draw(const Recipe& recipe, const fs::path& folder) override {
    if (recipe.seeds[0] == bad) throw Error(ErrorCode::bad_file, "[generate] seed " + std::to_string(bad));
    return Painter::draw(recipe, folder);
  }

  std::vector<size_t> groups;  ///< Their sizes.
  size_t room = 100;
  uint64_t bad = 1000;
};

/** The table without its times. */
inline std::string table_of(const fs::path& folder) {
  return text_of(folder / "cells.csv");
}

/** Everything that a small_sweep leaves but its journal, whose order tells how it went. */
inline std::string result_of(const fs::path& folder) {
  std::string all;
  for (const char* name : {"cells.csv", "cells.jsonl", "sheet.png", "sheet-2.png", "sheet.html"})
    all += text_of(folder / name);
  for (size_t i = 0; i < 8; ++i) all += text_of(folder / sweep::picture_name(i));
  return all;
}

inline Sweep small_sweep() {
  Sweep sweep;
  sweep.recipe = R"({"version": 1, "prompt": "a cat", "controls": [{"kind": "inject", "prompt": "a dragon"}]})";
  sweep.axes = {parse_sweep_axis("where=input:0,middle:0"), parse_sweep_axis("strength=0.5,1"),
                parse_sweep_axis("seed=1,2")};
  return sweep;
}

}  // namespace corepulse::test
