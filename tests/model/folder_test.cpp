#include "model/files/folder.h"

#include <doctest/doctest.h>

#include "../io/support.h"
#include "model/parts.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::model;
using namespace corepulse::test;
using io::Json;

namespace {

const std::string kModels = test::golden_folder() + "/models/";

/** A copy of a tiny model that may be changed. */
class Copy : public Folder {
 public:
  explicit Copy(const std::string& name = "sd1") {
    fs::copy(kModels + name, path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  void edit(const std::string& file, const Json& changes) const {
    auto json = Json::parse(get(*this / file));
    json.merge_patch(changes);
    put(*this / file, json.dump());
  }
  void rename(const std::string& from, const std::string& to) const { fs::rename(*this / from, *this / to); }
  ModelSource source() const { return {.model = path().string()}; }
  std::string refused(const ModelSource& source) const {
    return refusal([&] { inspect_model(source); });
  }
  std::string refused() const { return refused(source()); }
};

const std::string kUNet = "unet/diffusion_pytorch_model";

/** Cuts the UNet's weights into two files with an index. */
void shard(const Copy& model) {
  const auto whole = io::open_safetensors(model / (kUNet + ".safetensors"));
  io::Tensors pieces[2];
  Json map;
  for (const auto& [name, view] : whole.tensors) {
    const int piece = name.starts_with("down_blocks");
    pieces[piece][name] = view;
    map[name] = piece ? "two.safetensors" : "one.safetensors";
  }
  io::write_safetensors(model / "unet/one.safetensors", pieces[0]);
  io::write_safetensors(model / "unet/two.safetensors", pieces[1]);
  fs::remove(model / (kUNet + ".safetensors"));
  put(model / (kUNet + ".safetensors.index.json"), Json{{"metadata", {}}, {"weight_map", map}}.dump());
}

void edit_map(const Copy& model, const std::string& tensor, const Json& file) {
  const auto index = model / (kUNet + ".safetensors.index.json");
  auto json = Json::parse(get(index));
  json["weight_map"][tensor] = file;
  put(index, json.dump());
}

}  // namespace

TEST_CASE("weights in pieces are the same model") {
  const Copy whole, pieces;
  shard(pieces);
  const auto a = inspect_model(whole.source()), b = inspect_model(pieces.source());
  CHECK(model_fingerprint(pieces.source()) == model_fingerprint(whole.source()));
  CHECK(b.components[0].files.size() == 2);
  CHECK(b.components[0].parameters == a.components[0].parameters);
}

TEST_CASE("an index of a variant is found under both names that Diffusers gave it") {
  for (const auto* name : {".safetensors.index.fp16.json", ".safetensors.fp16.index.json"}) {
    CAPTURE(std::string(name));
    const Copy model;
    shard(model);
    model.rename(kUNet + ".safetensors.index.json", kUNet + name);
    CHECK(inspect_model(model.source()).components[0].files.size() == 2);
    auto asked = model.source();
    asked.variant = "fp16";
    CHECK(inspect_model(asked).components[0].files.size() == 2);
  }
}

TEST_CASE("an index may name plain files of its own folder only") {
  const Copy model;
  shard(model);
  for (const auto* name : {"../../../etc/passwd", "../unet/one.safetensors", "/etc/passwd", "a/b.safetensors", "..", "",
                           ".", "a\\b.safetensors"}) {
    CAPTURE(std::string(name));
    const Copy hostile;
    shard(hostile);
    edit_map(hostile, "conv_in.weight", name);
    CHECK(has(hostile.refused(), {"bad_file", "conv_in.weight", "file name without a folder"}));
  }
  const Copy numbers;
  shard(numbers);
  edit_map(numbers, "conv_in.weight", 3);
  CHECK(has(numbers.refused(), {"bad_file", "conv_in.weight"}));
}

TEST_CASE("an index that does not fit its files is refused with the tensor's or file's name") {
  const Copy absent, missing, twice, no_map;
  shard(absent);
  edit_map(absent, "conv_in.weight", "two.safetensors");
  CHECK(has(absent.refused(), {"bad_file", "conv_in.weight", "two.safetensors"}));
  shard(missing);
  edit_map(missing, "conv_in.weight", "three.safetensors");
  CHECK(has(missing.refused(), {"not_found", "three.safetensors"}));
  shard(twice);
  fs::copy_file(twice / "unet/one.safetensors", twice / "unet/three.safetensors");
  edit_map(twice, "conv_in.weight", "three.safetensors");
  CHECK(has(twice.refused(), {"bad_file", "another file"}));
  fs::remove(no_map / (kUNet + ".safetensors"));
  put(no_map / (kUNet + ".safetensors.index.json"), "{}");
  CHECK(has(no_map.refused(), {"bad_file", "weight_map"}));
}

TEST_CASE("a variant is taken if it is asked for or the only one, with a note where the wish was not met") {
  const Copy model;
  CHECK(inspect_model(model.source()).notes.empty());
  auto asked = model.source();
  asked.variant = "fp16";
  const auto without = inspect_model(asked);
  CHECK(has(without.notes.at(0), {"unet", "no fp16 variant"}));
  fs::copy_file(model / (kUNet + ".safetensors"), model / (kUNet + ".fp16.safetensors"));
  CHECK(inspect_model(asked).components[0].files[0].ends_with(".fp16.safetensors"));
  CHECK(inspect_model(model.source()).components[0].files[0].ends_with("model.safetensors"));
  fs::remove(model / (kUNet + ".safetensors"));
  const auto only = inspect_model(model.source());
  CHECK(only.components[0].files[0].ends_with(".fp16.safetensors"));
  CHECK(has(only.notes.at(0), {"only its fp16 variant"}));
  asked.variant = "../fp16";
  CHECK(has(model.refused(asked), {"invalid_request", "variant"}));
}

TEST_CASE("a folder that holds one known variant alone is read, and a note names it") {
  for (const std::string variant : {"fp16", "bf16", "fp32", "non_ema"}) {
    CAPTURE(variant);
    const Copy model;
    model.rename(kUNet + ".safetensors", kUNet + "." + variant + ".safetensors");
    const auto info = inspect_model(model.source());
    CHECK(has(info.notes.at(0), {"unet", ("only its " + variant + " variant").c_str()}));
  }
}

TEST_CASE("a folder without usable weights says what it holds instead, and what to do") {
  const Copy other, pieces, broken, file_begun, begun;
  other.rename(kUNet + ".safetensors", kUNet + ".mine.safetensors");
  CHECK(has(other.refused(), {"not_found", "unet", "diffusion_pytorch_model.mine.safetensors", "--variant"}));
  auto asked = other.source();
  asked.variant = "mine";
  CHECK(other.refused(asked) == "");
  pieces.rename(kUNet + ".safetensors", kUNet + "-00001-of-00002.safetensors");
  CHECK(has(pieces.refused(), {"not_found", "-00001-of-00002.safetensors", "index is missing"}));
  fs::remove(broken / (kUNet + ".safetensors"));
  fs::create_symlink("../blobs/nothing", broken / (kUNet + ".safetensors"));
  CHECK(has(broken.refused(), {"not_found", "diffusion_pytorch_model.safetensors", "link to nothing", "download"}));
  file_begun.rename(kUNet + ".safetensors", kUNet + ".safetensors.incomplete");
  CHECK(has(file_begun.refused(), {"not_found", ".incomplete", "did not end"}));
  fs::remove(begun / (kUNet + ".safetensors"));
  fs::create_directories(begun / ".cache/huggingface/download/unet");
  put(begun / ".cache/huggingface/download/unet/abc.incomplete", "");
  CHECK(has(begun.refused(), {"not_found", "abc.incomplete"}));
}

TEST_CASE("a folder without its scheduler is read with its family's, and a note says so") {
  const Copy model;
  fs::remove_all(model / "scheduler");
  const auto info = inspect_model(model.source());
  CHECK(info.prediction == Prediction::epsilon);
  REQUIRE(info.notes.size() == 1);
  CHECK(has(info.notes[0], {"scheduler_config.json", "family"}));
}

TEST_CASE("a folder with one .safetensors file in it is that file") {
  const Folder folder;
  fs::copy_file(kModels + "sd1.safetensors", folder / "whole.safetensors");
  const ModelSource source{.model = folder.path().string(), .config = kModels + "sd1", .family = "sd1"};
  const auto info = inspect_model(source);
  CHECK(info.components[0].files[0].ends_with("whole.safetensors"));
  CHECK(info.name == folder.path().filename());
  fs::copy_file(kModels + "sd1.safetensors", folder / "other.safetensors");
  CHECK(has(refusal([&] { inspect_model(source); }), {"not_found", "model_index.json", "one .safetensors"}));
}

TEST_CASE("configs may hold the numbers that Python writes and JSON lacks") {
  const Copy model, bad;
  const auto add = [](const Copy& copy, const std::string& file, const std::string& field) {
    auto text = get(copy / file);
    put(copy / file, text.replace(text.find('{'), 1, "{" + field + ", "));
  };
  const auto before = inspect_model(model.source()).notes;
  add(model, "scheduler/scheduler_config.json", "\"lambda_min_clipped\": -Infinity, \"sample_max_value\": Infinity");
  CHECK(inspect_model(model.source()).notes == before);
  auto config = get(bad / "unet/config.json");
  const std::string field = "\"freq_shift\": ";
  put(bad / "unet/config.json", config.replace(config.find(field) + field.size(), 1, "NaN"));
  CHECK(has(bad.refused(), {"bad_file", "freq_shift is \"NaN\""}));
}

TEST_CASE("a folder's missing or broken parts are named") {
  const Copy no_index, array, no_weights, pickle, no_config, null_vae;
  fs::remove(no_index / "model_index.json");
  CHECK(has(no_index.refused(), {"not_found", "model_index.json"}));
  put(array / "model_index.json", "[]");
  CHECK(has(array.refused(), {"bad_file", "model_index.json"}));
  fs::remove(no_weights / (kUNet + ".safetensors"));
  CHECK(has(no_weights.refused(), {"not_found", "unet", "diffusion_pytorch_model.safetensors"}));
  pickle.rename(kUNet + ".safetensors", kUNet + ".bin");
  CHECK(has(pickle.refused(), {"bad_file", "pickle", "safe_serialization"}));
  fs::remove(no_config / "vae/config.json");
  CHECK(has(no_config.refused(), {"not_found", "vae/config.json"}));
  null_vae.edit("model_index.json", {{"vae", {nullptr, nullptr}}});
  CHECK(has(null_vae.refused(), {"unsupported_model", "no vae", "--vae"}));
}

TEST_CASE("a component that the user gives is not looked for in the folder") {
  const Copy model;
  fs::remove_all(model / "vae");
  auto source = model.source();
  for (const std::string vae : {"sd2/vae", "sd2", "sd2/vae/diffusion_pytorch_model.safetensors"}) {
    CAPTURE(vae);
    source.vae = kModels + vae;
    source.config = kModels + "sd2";  // a file alone has no config
    CHECK(inspect_model(source).components[1].files[0].starts_with(kModels + "sd2/vae"));
  }
}

TEST_CASE("a folder of another kind of model says what it is") {
  const Copy flux, alt, unet;
  flux.edit("model_index.json", {{"_class_name", "FluxPipeline"}, {"unet", nullptr}});
  CHECK(has(flux.refused(), {"unsupported_model", "FluxPipeline"}));
  alt.edit("model_index.json", {{"text_encoder", {"transformers", "T5EncoderModel"}}});
  CHECK(has(alt.refused(), {"unsupported_model", "text_encoder", "T5EncoderModel"}));
  CHECK(has(unet.refused({.model = (unet / "unet").string()}), {"not_found", "--unet"}));
}

TEST_CASE("the family of a folder is read from its UNet's config, at any size") {
  const std::pair<const char*, Family> families[] = {
      {"sd1", Family::sd1},   {"sd2", Family::sd2},     {"sd2v", Family::sd2},
      {"sdxl", Family::sdxl}, {"inpaint", Family::sd1}, {"small", Family::sd1},
  };
  for (const auto& [name, family] : families) {
    CAPTURE(std::string(name));
    const auto info = inspect_model({.model = kModels + name});
    CHECK(info.family == family);
    CHECK(info.inpaint == (std::string(name) == "inpaint"));
  }
  CHECK(inspect_model({.model = kModels + "sd2v"}).prediction == Prediction::v);
  CHECK(inspect_model({.model = kModels + "sd2v"}).zero_snr);
  CHECK(inspect_model({.model = kModels + "sd2v", .prediction = "epsilon"}).prediction == Prediction::epsilon);
  CHECK(understand({.model = kModels + "sdxl"}).zeros_for_empty_prompt);
}

TEST_CASE("SDXL without its first text encoder is no refiner") {
  const Copy half("sdxl");
  half.edit("model_index.json", {{"text_encoder", {nullptr, nullptr}}});
  CHECK(has(half.refused(), {"unsupported_model", "32 numbers per token", "56"}));
}

TEST_CASE("a model that is nowhere is not found, and the message says what a model can be") {
  CHECK(has(refusal([] { inspect_model({.model = "no-such-model"}); }), {"not_found", "no-such-model", "builtin"}));
  CHECK(has(refusal([] { inspect_model({.model = ""}); }), {"not_found"}));
  CHECK(has(refusal([] { inspect_model({.model = "some/where.safetensors"}); }), {"not_found"}));
  CHECK(has(refusal([] { inspect_model({.model = "builtin", .config = "/no/such/folder"}); }),
            {"not_found", "--config"}));
}

TEST_CASE("a model in the Hugging Face cache is found by org/name, without a network") {
  const Folder cache;
  const std::string commit(40, 'a');
  const auto repository = cache / "models--org--tiny";
  fs::create_directories(repository / "refs");
  fs::create_directories(repository / "snapshots");
  put(repository / "refs/main", commit);
  fs::copy(kModels + "small", repository / "snapshots" / commit, fs::copy_options::recursive);
  ::setenv("HF_HUB_CACHE", cache.path().c_str(), 1);
  const auto info = inspect_model({.model = "org/tiny"});
  CHECK(info.name == "org/tiny");
  CHECK(model_fingerprint({.model = "org/tiny"}) == model_fingerprint({.model = kModels + "small"}));
  CHECK(inspect_model({.vae = "org/tiny"}).components[1].files[0].find("org--tiny") != std::string::npos);
  CHECK(has(refusal([] { inspect_model({.model = "org/other"}); }), {"not_found", "org/other"}));
  const auto snapshot = repository / "snapshots" / commit;
  fs::remove_all(snapshot);
  fs::create_directories(snapshot);
  fs::create_directories(repository / "blobs");
  put(repository / "blobs/0123.incomplete", "");
  CHECK(has(refusal([] { inspect_model({.model = "org/tiny"}); }), {"not_found", "0123.incomplete", "did not end"}));
  fs::rename(repository / "blobs/0123.incomplete", repository / "blobs/0123");
  fs::copy_file(kModels + "sd1.safetensors", repository / "blobs/0123", fs::copy_options::overwrite_existing);
  fs::create_symlink("../../blobs/0123", snapshot / "tiny.safetensors");
  const auto single = inspect_model({.model = "org/tiny", .config = kModels + "sd1", .family = "sd1"});
  CHECK(single.name == "org/tiny");
  CHECK(single.components[0].files[0].ends_with("tiny.safetensors"));
  ::unsetenv("HF_HUB_CACHE");
}
