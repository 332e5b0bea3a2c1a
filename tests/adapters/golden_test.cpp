// Adapters of every kind change weights as Diffusers, PEFT and LyCORIS do. make_adapter_goldens.py made the files.
#include <nlohmann/json.hpp>
#include <set>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

struct Expected {
  std::string name, network, tensor;
  float strength;
  adapters::Dora dora;
};

/** "1.0", "lycoris 0.6". */
Expected expected_of(const std::string& name) {
  const auto first = name.find('/'), second = name.find('/', first + 1), dot = name.find('.', second);
  const auto how = name.substr(first + 1, second - first - 1);
  const auto space = how.find(' ');
  const auto reading = space == how.npos ? "" : how.substr(0, space);
  const auto dora = reading == "lycoris"   ? adapters::Dora::lycoris
                    : reading == "comfyui" ? adapters::Dora::comfyui
                                           : adapters::Dora::blended;
  return {name, name.substr(second + 1, dot - second - 1), name.substr(dot + 1),
          std::stof(space == how.npos ? how : how.substr(space + 1)), dora};
}

/** `<case>/<reading and strength>/<network>.<tensor>`, by case. */
std::map<std::string, std::vector<Expected>> by_case(const io::SafetensorsFile& file) {
  std::map<std::string, std::vector<Expected>> cases;
  for (const auto& [name, view] : file.tensors) cases[name.substr(0, name.find('/'))].push_back(expected_of(name));
  return cases;
}

/** The goldens hold no more of a tensor. */
mx::array every_seventh(const mx::array& x) {
  return mx::slice(mx::flatten(x), {0}, {static_cast<int>(x.size())}, {7});
}

adapters::Adapter read_golden(const std::string& name, const TinyModel& model,
                              const adapters::ReadOptions& options = {}) {
  return adapters::read(golden_folder() + "/adapters/" + name + ".safetensors", model.shapes, options);
}

const char* kFile = "adapters/expected";

}  // namespace

TEST_CASE("what an adapter adds to a weight is what Diffusers, PEFT and LyCORIS add") {
  const Golden expected(kFile);
  const auto file = io::open_safetensors(golden_folder() + "/" + kFile + ".safetensors");
  const auto families = nlohmann::json::parse(expected.metadata().at("cases"));
  const std::map<std::string, TinyModel> models = {{"sd1", TinyModel("sd1")}, {"sdxl", TinyModel("sdxl")}};
  const auto cases = by_case(file);
  CHECK(cases.size() == families.size());
  for (const auto& [name, tensors] : cases) {
    CAPTURE(name);
    const auto& model = models.at(families.at(name).get<std::string>());
    std::map<adapters::Dora, adapters::Adapter> readings;
    for (const auto dora : {adapters::Dora::blended, adapters::Dora::lycoris, adapters::Dora::comfyui})
      readings.emplace(dora, read_golden(name, model, {.dora = dora}));
    const auto& adapter = readings.at(adapters::Dora::blended);
    CHECK(adapter.notes.empty());
    size_t changed = 0;
    for (const auto& [network, deltas] : adapter.deltas) changed += deltas.size();
    std::set<std::string> named;
    for (const auto& e : tensors) {
      CAPTURE(e.name);
      named.insert(e.network + "." + e.tensor);
      const auto original = model.original(e.network, e.tensor);
      const auto& deltas = readings.at(e.dora).deltas.at(e.network);
      REQUIRE(deltas.contains(e.tensor));
      const auto difference = deltas.at(e.tensor)->difference(original, e.strength);
      REQUIRE(difference.shape() == original.shape());
      CHECK(relative_error(every_seventh(difference), expected.array(e.name)) <= 1e-5);
    }
    CHECK(changed == named.size());
  }
}

TEST_CASE("factors are the difference as a product, where an adapter has them") {
  const TinyModel model("sd1");
  const auto adapter = read_golden("kohya_sd1", model);
  CHECK(adapter.format == "kohya LoCon, LoRA, rank 1 to 4");
  for (const auto& [network, deltas] : adapter.deltas)
    for (const auto& [tensor, delta] : deltas) {
      CAPTURE(tensor);
      const auto original = model.original(network, tensor);
      const auto factors = delta->factors();
      REQUIRE(factors);
      const auto down = mx::reshape(factors->down, {factors->down.shape(0), -1});
      const auto product = mx::reshape(mx::matmul(factors->up, down), original.shape());
      CHECK(relative_error(like(-0.7f, product) * product, delta->difference(original, -0.7f)) <= 1e-5);
    }
}

TEST_CASE("the strength is in proportion, but for readings that say otherwise") {
  const TinyModel model("sd1");
  for (const std::string name :
       {"locon", "loha", "lokr", "dora", "full", "glora", "ia3", "oft_rescaled", "peft_boft", "peft_ia3"}) {
    CAPTURE(name);
    const auto adapter = read_golden(name, model);
    for (const auto& [network, deltas] : adapter.deltas)
      for (const auto& [tensor, delta] : deltas) {
        CAPTURE(tensor);
        if (name == "oft_rescaled" && tensor.starts_with("down_blocks.0.downsamplers")) continue;  // BOFT
        const auto original = model.original(network, tensor);
        const auto one = delta->difference(original, 1), some = delta->difference(original, -0.7f);
        CHECK(relative_error(some, like(-0.7f, one) * one) <= 1e-5);
        CHECK(mx::array(mx::max(mx::abs(delta->difference(original, 0)))).item<float>() <= 1e-6f);
      }
  }
}

TEST_CASE("an adapter says what it is") {
  const TinyModel model("sd1");
  CHECK(read_golden("peft", model).format == "PEFT LoCon, LoRA, rank 3");
  CHECK(read_golden("peft_dora", model).format == "PEFT DoRA (LoCon, LoRA), rank 3");
  CHECK(read_golden("diffusers_old", model).format == "Diffusers LoRA, rank 2");
  CHECK(read_golden("loha", model).format == "LyCORIS LoHa, rank 2 to 3");
  CHECK(read_golden("full", model).format == "LyCORIS full differences, norms");
  CHECK(read_golden("oft", model).format == "LyCORIS BOFT, OFT");
  CHECK(read_golden("ia3", model).format == "LyCORIS IA3");
  CHECK(read_golden("peft_oft", model).format == "PEFT OFT");
  CHECK(read_golden("peft_boft", model).format == "PEFT BOFT");
  CHECK(read_golden("peft_ia3", model).format == "PEFT IA3");
}

TEST_CASE("a 1x1 convolution may be given as a matrix") {
  const TinyModel model("sd1");
  int compared = 0;
  for (const std::string name : {"kohya_sd1", "locon", "lokr", "dora", "glora"}) {
    const auto adapter = read_golden(name, model);
    for (const auto& [tensor, delta] : adapter.deltas.at("unet")) {
      CAPTURE(tensor);
      const auto original = model.original("unet", tensor);
      if (original.ndim() != 4 || original.shape(2) != 1) continue;
      auto matrix = mx::reshape(original, {original.shape(0), original.shape(1)});
      matrix.eval();
      const auto expected = mx::reshape(delta->difference(original, 0.5f), matrix.shape());
      CHECK(same_bits(delta->difference(matrix, 0.5f), expected));
      ++compared;
    }
  }
  CHECK(compared >= 5);
}
