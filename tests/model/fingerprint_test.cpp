// A model is known by every byte of its weights, wherever it lies.
#include "model/fingerprint.h"

#include <chrono>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "../io/support.h"
#include "io/digest/sha256.h"
#include "io/file.h"
#include "io/tensors/safetensors.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kModels = test::golden_folder() + "/models/";

/** A copy of the model "small". */
struct Copy : Folder {
  Copy() { fs::copy(kModels + "small", path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing); }
  fs::path weights(const char* part) const {
    const bool text = std::string(part) == "text_encoder";
    return *this / (part + std::string(text ? "/model" : "/diffusion_pytorch_model") + ".safetensors");
  }
  std::string fingerprint(const std::string& prediction = "") const {
    return model_fingerprint({.model = path().string(), .prediction = prediction});
  }
  void change(const char* config, const char* field, const nlohmann::json& value) const {
    auto json = nlohmann::json::parse(get(*this / config));
    json[field] = value;
    put(*this / config, json.dump());
  }
};

void flip(const fs::path& file, size_t at) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(std::streamoff(at));
  const char old = static_cast<char>(stream.get());
  stream.seekp(std::streamoff(at));
  stream.put(static_cast<char>(old ^ 1));
}

/** Where the tensors whose names hold `part` begin in the file. */
std::vector<size_t> begins(const fs::path& file, const std::string& part) {
  const auto opened = io::open_safetensors(file);
  std::vector<size_t> places;
  for (const auto& [name, view] : opened.tensors)
    if (name.find(part) != name.npos) places.push_back(size_t(view.data - opened.mapping->bytes().data()));
  return places;
}

/** A cache of this test's own. */
struct Cache : Folder {
  Cache() { ::setenv("XDG_CACHE_HOME", path().c_str(), 1); }
  ~Cache() { ::unsetenv("XDG_CACHE_HOME"); }
  std::vector<fs::path> files() const {
    std::error_code none;
    std::vector<fs::path> list;
    for (const auto& entry : fs::directory_iterator(*this / "corepulse/digests", none)) list.push_back(entry.path());
    return list;
  }
};

}  // namespace

TEST_CASE("a change of one number of any attention layer, or of any network's last, is another model") {
  const Copy model;
  std::set<std::string> seen{model.fingerprint()};
  CHECK(seen.begin()->size() == 64);
  const auto unet = model.weights("unet");
  const auto places = begins(unet, "attn2");
  REQUIRE(places.size() >= 20);
  for (const auto at : places) {
    flip(unet, at);
    CHECK(seen.insert(model.fingerprint()).second);
  }
  for (const auto at : places) flip(unet, at);
  CHECK(seen.contains(model.fingerprint()));
  for (const char* part : {"unet", "vae", "text_encoder"}) {
    flip(model.weights(part), fs::file_size(model.weights(part)) - 1);
    CHECK(seen.insert(model.fingerprint()).second);
  }
}

TEST_CASE("the same numbers computed with otherwise are another model") {
  const auto changed = [](const char* config, const char* field, const nlohmann::json& value) {
    const Copy model;
    const auto before = model.fingerprint();
    model.change(config, field, value);
    return model.fingerprint() != before;
  };
  const char* const scheduler = "scheduler/scheduler_config.json";
  CHECK(changed(scheduler, "prediction_type", "v_prediction"));
  CHECK(changed(scheduler, "rescale_betas_zero_snr", true));
  CHECK(changed(scheduler, "beta_end", 0.0125));
  CHECK(changed("vae/config.json", "scaling_factor", 0.2));
  CHECK(changed("text_encoder/config.json", "hidden_act", "gelu"));
  CHECK_FALSE(changed(scheduler, "_diffusers_version", "9.9.9"));
  const Copy model;
  CHECK(model.fingerprint("v") != model.fingerprint("epsilon"));
}

TEST_CASE("a model elsewhere is the same model") {
  CHECK(Copy().fingerprint() == model_fingerprint({.model = kModels + "small"}));
}

TEST_CASE("only a model that is one file has a file's digest, and no other UNet's") {
  const auto sum = [](const ModelSource& source) { return model::file_sha256(model::understand(source)); };
  const auto file = kModels + "sd1.safetensors", config = kModels + "sd1";
  CHECK(sum({.model = file, .config = config}) == io::sha256_file(file));
  CHECK(sum({.model = file, .unet = kModels + "sd1/unet", .config = config}) == "");
  CHECK(sum({.model = config}) == "");
}

TEST_CASE("a fingerprint is computed once in the life of a file, and again when the file's times or size tell") {
  const Cache cache;
  const Copy model;
  const auto write_all_at = [&](fs::file_time_type time) {
    for (const char* part : {"unet", "vae", "text_encoder"}) fs::last_write_time(model.weights(part), time);
  };
  const auto now = fs::file_time_type::clock::now();
  write_all_at(now + std::chrono::hours(1));
  const auto first = model.fingerprint();
  CHECK(cache.files().empty());  // so young a file may change without its times telling
  write_all_at(now - std::chrono::hours(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));  // at least: nobody can set the time of a change
  CHECK(model.fingerprint() == first);
  CHECK(cache.files().size() == 3);  // one per network
  for (const auto& file : cache.files()) {
    auto text = get(file);
    const auto lie = std::string(64, 'a');
    put(file, text.substr(0, text.size() - 128) + io::sha256_of(lie) + lie);
  }
  CHECK(model.fingerprint() != first);  // what is kept is believed
  const auto unet = model.weights("unet");
  const auto time = fs::last_write_time(unet);
  flip(unet, fs::file_size(unet) - 1), flip(unet, fs::file_size(unet) - 1);
  fs::last_write_time(unet, time);
  const auto other = model.fingerprint();
  for (const auto& file : cache.files()) fs::remove(file);
  CHECK(model.fingerprint() == first);
  CHECK(other != first);  // the other networks were still believed
}

TEST_CASE("a file that is written to while its model is in use has no fingerprint") {
  const Copy model;
  const auto parts = model::understand({.model = model.path().string()});
  flip(model.weights("vae"), fs::file_size(model.weights("vae")) - 1);
  CHECK(has(refusal([&] { model::fingerprint(parts); }), {"bad_file", "was changed while in use"}));
}
