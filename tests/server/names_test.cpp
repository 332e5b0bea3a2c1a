// A client's names and this machine's paths.
#include "files/names.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "support.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::server;

namespace fs = std::filesystem;

namespace {

struct Place {
  fs::path path = fs::temp_directory_path() / ("corepulse-names-" + new_id());
  Place() { fs::create_directories(path / "loras"); }
  ~Place() { fs::remove_all(path); }
};

}  // namespace

TEST_CASE("names become paths in the server's own folders, and come back") {
  const Place place;
  const Folder folder(place.path / "data");
  Store store(folder.database());
  Catalog catalog({{}, (place.path / "loras").string(), "", ""});
  Names names(catalog, folder, store);
  store.add(Upload{"abc", "image/png", 1, 1, 1, 1});
  Recipe recipe;
  recipe.prompt = "a cat";
  recipe.init = InitPicture{.file = "upload:abc"};
  recipe.controls = {inject("a dragon").within(picture("upload:abc"))};
  const auto opened = names.opened(recipe);
  CHECK(opened.init->file == folder.upload("abc").string());
  CHECK(opened.controls[0].region->file == folder.upload("abc").string());
  CHECK(opened.loras == (place.path / "loras").string());
  CHECK(names.shown(opened) == recipe);
  CHECK(names.shown("[init] " + folder.upload("abc").string() + ": damaged") == "[init] upload:abc: damaged");
  const auto with = [&](const std::string& file) {
    return [&, file] {
      recipe.init->file = file;
      names.opened(recipe);
    };
  };
  CHECK(status_of(with("upload:abd")) == 404);
  CHECK(status_of(with("picture:abc")) == 404);
  for (const auto& file :
       {folder.upload("abc").string(), std::string("abc"), std::string("../abc"), std::string("/etc/passwd"),
        std::string("embeddings"), std::string("upload:abc\0", 11), std::string(" upload:abc")})
    CHECK(status_of(with(file)) >= 403);
}

TEST_CASE("a ControlNet among the models' folders is a list of its own, and a name for recipes") {
  const Place place;
  const Folder folder(place.path / "data");
  Store store(folder.database());
  const auto nets = fs::path(test::model_folder()) / "controlnets";
  Catalog catalog({{nets.string()}, "", "", ""});
  REQUIRE(catalog.controlnets().size() == 1);
  CHECK(catalog.controlnets()[0].name == "edges.safetensors");
  CHECK(catalog.controlnets()[0].title == "ControlNet");
  CHECK(catalog.controlnets()[0].family.empty());  // the width of the built-in model's texts is no known family's
  for (const auto& model : catalog.models()) CHECK(model.name != "edges.safetensors");
  store.add(Upload{"abc", "image/png", 1, 1, 1, 1});
  Names names(catalog, folder, store);
  Recipe recipe;
  recipe.controls = {controlnet("edges", "upload:abc")};
  const auto opened = names.opened(recipe);
  const auto& net = std::get<ControlNet>(opened.controls[0].effect);
  CHECK(fs::equivalent(net.file, nets / "edges.safetensors"));
  CHECK(net.picture == folder.upload("abc").string());
  CHECK(std::get<ControlNet>(names.shown(opened).controls[0].effect).file == "edges.safetensors");
}

TEST_CASE("an IP-Adapter among the models' folders is a list of its own, and a name for recipes") {
  const Place place;
  const Folder folder(place.path / "data");
  Store store(folder.database());
  for (const char* name : {"sd1_face_id", "sdxl_plus"})
    fs::copy(fs::path(test::golden_folder()) / "ip_adapters" / (std::string(name) + ".safetensors"), place.path);
  Catalog catalog({{place.path.string()}, "", "", ""});
  const auto adapters = catalog.adapters();
  REQUIRE(adapters.size() == 2);
  CHECK(adapters[0].name == "sd1_face_id.safetensors");
  CHECK(adapters[0].title == "IP-Adapter FaceID");
  CHECK(adapters[0].faces);
  CHECK(adapters[1].title == "IP-Adapter Plus");
  CHECK_FALSE(adapters[1].faces);
  CHECK(catalog.models().size() == 1);  // the built-in one
  store.add(Upload{"abc", "image/png", 1, 1, 1, 1});
  Names names(catalog, folder, store);
  Recipe recipe;
  recipe.controls = {picture_prompt("sdxl_plus", {"upload:abc"})};
  const auto opened = names.opened(recipe);
  const auto& prompt = std::get<PicturePrompt>(opened.controls[0].effect);
  CHECK(fs::equivalent(prompt.file, place.path / "sdxl_plus.safetensors"));
  CHECK(prompt.pictures == std::vector{folder.upload("abc").string()});
  CHECK(std::get<PicturePrompt>(names.shown(opened).controls[0].effect).file == "sdxl_plus.safetensors");
}

TEST_CASE("what is said of models in the Hugging Face cache does not tell where it is") {
  const Place place;
  const Folder folder(place.path / "data");
  Store store(folder.database());
  Catalog catalog({});
  Names names(catalog, folder, store);
  const auto* before = std::getenv("HF_HUB_CACHE");
  const std::string given = before ? before : "";
  for (const char* end : {"", "/"}) {
    ::setenv("HF_HUB_CACHE", ((place.path / "hub").string() + end).c_str(), 1);
    const auto unet = place.path / "hub/models--a--b/snapshots/c/unet";
    CHECK(names.shown("[model] " + unet.string() + ": missing") == "[model] models--a--b/snapshots/c/unet: missing");
  }
  before ? ::setenv("HF_HUB_CACHE", given.c_str(), 1) : ::unsetenv("HF_HUB_CACHE");
}

TEST_CASE("a folder's name may end in a slash") {
  const Place place;
  const CatalogOptions given{{place.path.string() + "/"}, (place.path / "loras").string() + "/", "", ""};
  const Catalog catalog(given);
  CHECK(catalog.options().models.at(0) == place.path.string());
  CHECK(catalog.options().loras == (place.path / "loras").string());
}

TEST_CASE("a folder is one server's, and names are of its own making") {
  const Place place;
  fs::create_directories(place.path / "data" / "pictures");
  for (const auto& name : {std::string("a-0.png"), "a-1.png." + new_id()})
    std::ofstream(place.path / "data" / "pictures" / name) << "x";
  const Folder folder(place.path / "data");
  const auto kept = std::distance(fs::directory_iterator(place.path / "data" / "pictures"), fs::directory_iterator());
  CHECK(kept == 1);  // what a killed process had half written is gone
  CHECK(fs::exists(folder.picture("a-0")));
  CHECK_THROWS_AS(Folder(place.path / "data"), Error);
  for (const char* name : {"", ".", "..", "a/b", "../a", "A", "a.png", "a\\b", "\xc3\xa4"}) {
    CHECK_FALSE(is_name(name));
    CHECK(status_of([&] { (void)folder.picture(name); }) == 404);
  }
  CHECK(is_name("abc-0"));
  CHECK(new_id() != new_id());
  write_file(folder.upload("x"), "bytes");
  CHECK(read_file(folder.upload("x")) == "bytes");
  fs::create_symlink(folder.upload("x"), folder.upload("link"));
  CHECK(status_of([&] { (void)read_file(folder.upload("link")); }) == 404);
  CHECK_THROWS_AS(write_file(folder.root() / "none" / "x", "bytes"), Error);
}
