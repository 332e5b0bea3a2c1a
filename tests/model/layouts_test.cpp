// One model under the names that different tools write.
#include <doctest/doctest.h>
#include <functional>

#include "corepulse/pipeline.h"

#include "../io/support.h"
#include "full_size.h"
#include "io/tensors/safetensors.h"
#include "model/parts.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::model;
using namespace corepulse::test;

namespace {

const std::string kModels = test::golden_folder() + "/models/";

/** The tensors of a tiny single file, to be written under other names. */
struct Tiny {
  explicit Tiny(std::string family_) : family(std::move(family_)) {
    const auto file = io::open_safetensors(kModels + family + ".safetensors");
    tensors = file.tensors;  // which keep the mapping
  }

  void rename(const std::string& from, const std::string& to) {
    io::Tensors renamed;
    size_t count = 0;
    for (const auto& [name, view] : tensors) {
      const bool here = name.starts_with(from);
      count += here;
      renamed[here ? to + name.substr(from.size()) : name] = view;
    }
    REQUIRE(count > 0);
    tensors = std::move(renamed);
  }
  size_t erase(const std::string& beginning) {
    return std::erase_if(tensors, [&](const auto& entry) { return entry.first.starts_with(beginning); });
  }
  /** Any tensor under another name. */
  void add(const std::string& name) { tensors[name] = tensors.at("model.diffusion_model.out.0.bias"); }

  fs::path write() const {
    io::write_safetensors(folder / "model.safetensors", tensors);
    return folder / "model.safetensors";
  }
  Parts parts() const { return understand({.model = write().string(), .config = kModels + family, .family = family}); }
  Image picture() const {
    Recipe recipe;
    recipe.model = write().string(), recipe.config = kModels + family, recipe.family = family;
    recipe.prompt = "a red house", recipe.width = recipe.height = 64, recipe.steps = 2, recipe.seeds = {1};
    return Pipeline::load(model_source(recipe)).generate({.recipe = recipe}).images.at(0);
  }

  std::string family;
  io::Tensors tensors;
  Folder folder;
};

void check_same_networks(const Parts& a, const Parts& b) {
  REQUIRE(a.collection.networks.size() == b.collection.networks.size());
  for (const auto& [part, network] : a.collection.networks) {
    CAPTURE(name(part));
    const auto &expected = network.stored.tensors, &tensors = b.collection.networks.at(part).stored.tensors;
    CHECK(tensors.size() == expected.size());
    for (const auto& [tensor, view] : expected) {
      CAPTURE(tensor);
      REQUIRE(tensors.contains(tensor));
      CHECK(tensors.at(tensor).elements() == view.elements());
    }
  }
}

ModelInfo info_of(const Shapes& shapes) {
  const Folder folder;
  write_header_only(folder / "model.safetensors", shapes);
  return inspect_model({.model = (folder / "model.safetensors").string()});
}

uint64_t text_parameters(const Shapes& shapes) {
  return info_of(shapes).components.at(2).parameters;
}

}  // namespace

TEST_CASE("an OpenCLIP file of SD2 and the same without its last layer draw the same picture") {
  Tiny whole("sd2"), without("sd2");
  // Of its three layers the model reads two.
  REQUIRE(without.erase("cond_stage_model.model.transformer.resblocks.2.") > 0);
  const auto a = whole.picture(), b = without.picture();
  CHECK(a.pixels == b.pixels);
  check_same_networks(whole.parts(), without.parts());
}

TEST_CASE("of SD2's encoder at its true size 23 layers are read, whether the file holds 23 or 24") {
  const auto rest = unet_shapes(sd2_unet()) + vae_shapes();
  const std::string old = "cond_stage_model.model.", newer = "conditioner.embedders.0.model.";
  const auto expected = text_parameters(rest + open_clip_shapes(old, 1024, 24));
  CHECK(expected == 340'387'840);  // as Diffusers' text_encoder of Stable Diffusion 2
  CHECK(text_parameters(rest + open_clip_shapes(old, 1024, 23)) == expected);
  CHECK(text_parameters(rest + open_clip_shapes(newer, 1024, 24)) == expected);
  CHECK(text_parameters(rest + open_clip_shapes("text_encoders.clip_h.", 1024, 23)) == expected);
  CHECK(text_parameters(rest + open_clip_shapes(old, 1024, 22)) < expected);
}

TEST_CASE("an SD2 encoder of another width is read whole, and a note says so") {
  auto unet = sd2_unet();
  unet.context = 128;
  const Folder folder;
  write_header_only(folder / "model.safetensors",
                    unet_shapes(unet) + vae_shapes() + open_clip_shapes("cond_stage_model.model.", 128, 4));
  const auto parts = understand({.model = (folder / "model.safetensors").string(), .family = "sd2", .prediction = "v"});
  CHECK(parts.texts.at(0).config.layers == 4);
  CHECK(has(parts.notes.at(0), {"all 4 layers", "128", "--config"}));
}

TEST_CASE("SDXL's penultimate layers are the same ones in files that leave out what nobody reads") {
  const auto cut = [](const std::string& last) {
    auto shapes = sdxl_shapes();
    REQUIRE(std::erase_if(shapes, [&](const auto& entry) { return entry.first.starts_with(last); }) > 0);
    const Folder folder;
    write_header_only(folder / "model.safetensors", shapes);
    return understand({.model = (folder / "model.safetensors").string()});
  };
  const auto parts = cut("conditioner.embedders.0.transformer.text_model.encoder.layers.11.");
  CHECK(parts.texts.at(0).config.layers == 11);
  CHECK(parts.texts.at(0).rule.skip == 0);  // of 12 it would be 1
  CHECK(parts.texts.at(1).rule.skip == 1);
  // The pooled vector needs the last of the second encoder.
  CHECK(has(refusal([&] { cut("conditioner.embedders.1.model.transformer.resblocks.31."); }),
            {"unsupported_model", "31 layers", "expected 32"}));
}

TEST_CASE("the prefixes of other tools name the same networks") {
  const std::vector<std::tuple<std::string, std::string, std::string>> renamings{
      {"sd1", "cond_stage_model.transformer.", "cond_stage_model.clip_l.transformer."},
      {"sd1", "cond_stage_model.transformer.", "text_encoders.clip_l.transformer."},
      {"sd1", "cond_stage_model.transformer.", "text_encoders.clip_l."},
      {"sd1", "first_stage_model.", "vae."},
      {"sd2", "cond_stage_model.model.", "conditioner.embedders.0.model."},
      {"sd2", "cond_stage_model.model.", "text_encoders.clip_h."},
      {"sdxl", "conditioner.embedders.0.transformer.", "text_encoders.clip_l.transformer."},
      {"sdxl", "conditioner.embedders.1.model.", "text_encoders.clip_g."},
  };
  for (const auto& [family, from, to] : renamings) {
    CAPTURE(to);
    const Tiny original(family);
    Tiny renamed(family);
    renamed.rename(from, to);
    const auto parts = renamed.parts();
    check_same_networks(original.parts(), parts);
    CHECK(parts.notes == original.parts().notes);
  }
}

TEST_CASE("an SDXL file may hold its second encoder under Hugging Face's names") {
  const Tiny original("sdxl");
  Tiny renamed("sdxl");
  REQUIRE(renamed.erase("conditioner.embedders.1.") > 0);
  for (const auto& [name, view] : io::open_safetensors(kModels + "sdxl/text_encoder_2/model.safetensors").tensors)
    renamed.tensors["text_encoders.clip_g.transformer." + name] = view;
  check_same_networks(original.parts(), renamed.parts());
}

TEST_CASE("what stands beside a text encoder and is not used refuses no file; CLIP's other half is noted") {
  for (const auto* extra :
       {"cond_stage_model.transformer.text_projection.weight", "cond_stage_model.text_projection",
        "cond_stage_model.logit_scale", "cond_stage_model.transformer.text_model.embeddings.position_ids"}) {
    CAPTURE(std::string(extra));
    const Tiny original("sd1");
    Tiny more("sd1");
    more.add(extra);
    const auto parts = more.parts();
    check_same_networks(original.parts(), parts);
    CHECK(parts.notes == original.parts().notes);
  }
  Tiny vision("sd1");
  vision.add("cond_stage_model.transformer.vision_model.post_layernorm.bias");
  vision.add("cond_stage_model.transformer.visual_projection.weight");
  const auto notes = vision.parts().notes;
  REQUIRE(notes.size() == Tiny("sd1").parts().notes.size() + 1);
  CHECK(has(notes.at(0), {"2 tensor(s)", "pictures", "not used"}));
  Tiny unknown("sd1");
  unknown.add("cond_stage_model.transformer.something.weight");
  CHECK(has(refusal([&] { unknown.parts(); }), {"unsupported_model", "something.weight"}));
}

TEST_CASE("two text encoders of one place are an error") {
  Tiny twice("sd1");
  for (const auto& [name, view] : Tiny("sd1").tensors)
    if (name.starts_with("cond_stage_model.transformer."))
      twice.tensors["text_encoders.clip_l." + name.substr(17)] = view;
  CHECK(has(refusal([&] { twice.parts(); }), {"bad_file", "two networks as its text_encoder"}));
}
