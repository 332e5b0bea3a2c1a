// Where pictures go.

#include "output.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <optional>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "previews.h"
#include "target.h"

using corepulse::Error;
using corepulse::ErrorCode;
using corepulse::Image;
using corepulse::ImageText;
using corepulse::Progress;
using corepulse::Recipe;
using corepulse::cli::check_output;
using corepulse::cli::expand_home;
using corepulse::cli::free_name;
using corepulse::cli::output_files;
using corepulse::cli::Previews;
namespace fs = std::filesystem;

namespace {

/** An empty folder that goes away at the end of the test. */
struct Folder {
  fs::path path = fs::temp_directory_path() / ("corepulse-output-" + std::to_string(std::rand()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("one seed and a file name give that file") {
  CHECK(output_files("cat.png", "a cat", {7}) == std::vector<fs::path>{"cat.png"});
  CHECK(output_files("a/cat.webp", "a cat", {7}) == std::vector<fs::path>{"a/cat.webp"});
}

TEST_CASE("several seeds stand in the file names") {
  CHECK(output_files("a/cat.png", "a cat", {7, 9, 7}) ==
        std::vector<fs::path>{"a/cat-7.png", "a/cat-9.png", "a/cat-7-2.png"});
}

TEST_CASE("a picture of another recipe keeps its name") {
  const Folder folder;
  const auto cat = folder.path / "cat.png";
  const Image image{8, 8, std::vector<uint8_t>(8 * 8 * 3)};
  const auto text = [](const std::string& prompt, const std::string& program) {
    Recipe recipe;
    recipe.prompt = prompt, recipe.made_with.program = program;
    return ImageText{{"corepulse", to_json(recipe)}};
  };
  CHECK(free_name(cat, text("a cat", "1")) == cat);
  save_image(image, cat, text("a cat", "1"));
  CHECK(free_name(cat, text("a cat", "2")) == cat);
  auto watched = corepulse::recipe_from_json(text("a cat", "1").at("corepulse"));
  watched.controls = {corepulse::capture("cat")};
  CHECK(free_name(cat, {{"corepulse", to_json(watched)}}) == cat);
  CHECK(free_name(cat, text("a dog", "1")) == folder.path / "cat-2.png");
  save_image(image, folder.path / "cat-2.png", text("a dog", "1"));
  CHECK(free_name(cat, text("a dog", "1")) == folder.path / "cat-2.png");
  CHECK(free_name(cat, text("a fox", "1")) == folder.path / "cat-3.png");
  const std::vector<fs::path> taken{cat, folder.path / "cat-3.png"};  // by other pictures of the same run
  CHECK(free_name(cat, text("a cat", "1"), taken) == folder.path / "cat-4.png");
  std::ofstream(folder.path / "mine.png") << "no picture";
  CHECK(free_name(folder.path / "mine.png", text("a cat", "1")) == folder.path / "mine-2.png");
}

TEST_CASE("~ is the home folder") {
  const std::string home = std::getenv("HOME");
  CHECK(expand_home("~/cat.png") == home + "/cat.png");
  CHECK(expand_home("~") == home);
  CHECK(expand_home("a~/cat.png") == "a~/cat.png");
  CHECK(output_files("~/cat.png", "a cat", {7}) == std::vector<fs::path>{home + "/cat.png"});
}

TEST_CASE("a folder names pictures after prompt and seed") {
  const Folder folder;
  const auto files = output_files(folder.path.string(), "A cat, in a PARK!", {3, 4});
  REQUIRE(files.size() == 2);
  CHECK(files[0] == folder.path / "a-cat-in-a-park-3.png");
  CHECK(files[1] == folder.path / "a-cat-in-a-park-4.png");
}

TEST_CASE("a name without extension is a folder, even when it does not exist yet") {
  CHECK(output_files("no-such-folder", "a cat", {1}) == std::vector<fs::path>{"no-such-folder/a-cat-1.png"});
  CHECK(output_files("no-such-folder/", "a cat", {1}) == std::vector<fs::path>{"no-such-folder/a-cat-1.png"});
}

TEST_CASE("in a folder nothing that exists is overwritten, nor a seed given twice") {
  const Folder folder;
  std::ofstream(folder.path / "a-cat-3.png") << "mine";
  const auto files = output_files(folder.path.string(), "a cat", {3, 3});
  CHECK(files[0] == folder.path / "a-cat-3-2.png");
  CHECK(files[1] == folder.path / "a-cat-3-3.png");
}

TEST_CASE("a prompt cannot lead out of the folder, and a long or foreign one still gives a name") {
  const Folder folder;
  const auto name = [&](const std::string& prompt) {
    return output_files(folder.path.string(), prompt, {1})[0].lexically_relative(folder.path).string();
  };
  CHECK(name("../../etc/passwd") == "etc-passwd-1.png");
  CHECK(name("\xe7\x8c\xab") == "picture-1.png");
  CHECK(name("") == "picture-1.png");
  CHECK(name(std::string(5000, 'x')).size() == 48 + 6);
}

TEST_CASE("an output that cannot become a picture is found before the run, and nothing is made") {
  const Folder folder;
  std::ofstream(folder.path / "taken") << "a file, no folder";
  const auto code = [&](const std::string& name) -> std::optional<ErrorCode> {
    try {
      check_output({folder.path / name});
      return std::nullopt;
    } catch (const Error& error) {
      return error.code();
    }
  };
  CHECK(code("cat.png") == std::nullopt);
  CHECK(code("cat.JPEG") == std::nullopt);
  CHECK(code("new/deeper/cat.webp") == std::nullopt);
  CHECK(code("cat.gif") == ErrorCode::invalid_request);
  CHECK(code("cat") == ErrorCode::invalid_request);
  CHECK(code("taken/cat.png").has_value());
  CHECK(std::distance(fs::directory_iterator(folder.path), fs::directory_iterator()) == 1);
}

TEST_CASE("previews are replaced; what is no preview is refused before the run, and so is a name that none can have") {
  const Folder folder;
  const auto picture = folder.path / "cat.png", preview = folder.path / "cat-preview.png";
  Progress at{.step = 1, .steps = 4};
  at.preview = [](int) { return Image{1, 1, {1, 2, 3}}; };
  Previews({picture}, 1, true).show(at);
  CHECK(corepulse::load_image(preview).width == 1);
  CHECK_NOTHROW(Previews({picture}, 1, true));
  const auto refused = [](const fs::path& file) {
    try {
      Previews({file}, 1, true);
      return std::string("accepted");
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid_request);
      return std::string(error.what());
    }
  };
  std::ofstream(preview) << "mine";
  CHECK(refused(picture).find("exists and is no preview") != std::string::npos);
  CHECK(fs::file_size(preview) == 4);
  CHECK(refused(folder.path / (std::string(250, 'a') + ".png")).find("cannot be written") != std::string::npos);
}

TEST_CASE("a preview that cannot be written during the run is the last, and no end of the run") {
  const Folder folder;
  const auto preview = folder.path / "cat-preview.png";
  Previews previews({folder.path / "cat.png"}, 1, true);
  Progress at{.step = 1, .steps = 4};
  int drawn = 0;
  at.preview = [&](int) { return ++drawn, Image{1, 1, {1, 2, 3}}; };
  fs::create_directories(preview / "mine");
  CHECK_NOTHROW(previews.show(at));
  CHECK_NOTHROW(previews.show(at));
  CHECK(drawn == 1);
  CHECK(fs::exists(preview / "mine"));
}
