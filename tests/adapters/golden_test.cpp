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
};

/** `<case>/<strength>/<network>.<tensor>`, by case. */
std::map<std::string, std::vector<Expected>> by_case(const io::SafetensorsFile& file) {
  std::map<std::string, std::vector<Expected>> cases;
  for (const auto& [name, view] : file.tensors) {
    const auto first = name.find('/'), second = name.find('/', first + 1), dot = name.find('.', second);
    cases[name.substr(0, first)].push_back({name, name.substr(second + 1, dot - second - 1), name.substr(dot + 1),
                                            std::stof(name.substr(first + 1, second - first - 1))});
  }
  return cases;
}

/** The goldens hold no more of a tensor. */
mx::array every_seventh(const mx::array& x) {
  return mx::slice(mx::flatten(x), {0}, {static_cast<int>(x.size())}, {7});
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
    const auto adapter = adapters::read(golden_folder() + "/adapters/" + name + ".safetensors", model.shapes);
    CHECK(adapter.notes.empty());
    size_t changed = 0;
    for (const auto& [network, deltas] : adapter.deltas) changed += deltas.size();
    std::set<std::string> named;
    for (const auto& e : tensors) {
      CAPTURE(e.name);
      named.insert(e.network + "." + e.tensor);
      REQUIRE(adapter.deltas.at(e.network).contains(e.tensor));
      const auto& delta = *adapter.deltas.at(e.network).at(e.tensor);
      const auto difference = delta.difference(model.original(e.network, e.tensor), e.strength);
      REQUIRE(difference.shape() == model.original(e.network, e.tensor).shape());
      CHECK(relative_error(every_seventh(difference), expected.array(e.name)) <= 1e-5);
    }
    CHECK(changed == named.size());
  }
}

TEST_CASE("factors are the difference as a product, where an adapter has them") {
  const TinyModel model("sd1");
  const auto adapter = adapters::read(golden_folder() + "/adapters/kohya_sd1.safetensors", model.shapes);
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
