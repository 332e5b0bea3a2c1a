// Files with anything changed in them are refused by an Error, or are adapters whose every difference can be computed.
#include <algorithm>

#include "io/tensors/stored_type.h"
#include "support.h"
#include "support/dice.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const char* const kCases[] = {
    "locon",    "loha",      "lokr",     "dora",     "dokr",         "full",      "glora",     "oft",
    "ia3",      "peft_dora", "peft_ia3", "peft_oft", "oft_rescaled", "kohya_sd1", "peft_coft", "peft_boft_stages",
    "peft_boft"};

/** A file whose header and numbers are changed a little. */
class Mutant : Dice {
 public:
  Mutant(unsigned seed, const io::SafetensorsFile& file) : Dice(seed), tensors_(file.tensors) {
    for (const auto& [key, view] : tensors_) keys_.push_back(key);
    std::sort(keys_.begin(), keys_.end());
    for (int i = 1 + below(3); i > 0; --i) change();
  }
  const io::Tensors& tensors() const { return tensors_; }

 private:
  /** Zeros of this form. */
  void put(const std::string& key, io::StoredType type, std::vector<int64_t> shape) {
    io::TensorView view{type, std::move(shape)};
    const auto zeros = std::make_shared<std::vector<std::byte>>(view.elements() * io::bytes_of(type));
    view.bytes = zeros->size();
    view.data = zeros->data();
    view.owner = zeros;
    tensors_[key] = view;
  }
  void change() {
    const auto& key = keys_[static_cast<size_t>(below(static_cast<int>(keys_.size())))];
    if (!tensors_.contains(key)) return;
    auto shape = tensors_.at(key).shape;
    const auto type = tensors_.at(key).type;
    switch (below(7)) {
      case 0:
        tensors_.erase(key);
        return;
      case 1:
        shape.push_back(1 + below(3));
        return put(key, type, shape);
      case 2:
        if (!shape.empty()) shape[static_cast<size_t>(below(static_cast<int>(shape.size())))] = below(40);
        return put(key, type, shape);
      case 3:
        if (!shape.empty()) shape.erase(shape.begin() + below(static_cast<int>(shape.size())));
        return put(key, type, shape);
      case 4:
        std::reverse(shape.begin(), shape.end());
        return put(key, type, shape);
      case 5:
        return put(key,
                   pick({io::StoredType::i8, io::StoredType::f8_e4m3, io::StoredType::f64, io::StoredType::boolean}),
                   shape);
      default: {  // another tensor's place
        const auto other = keys_[static_cast<size_t>(below(static_cast<int>(keys_.size())))];
        if (tensors_.contains(other)) std::swap(tensors_.at(key), tensors_.at(other));
      }
    }
  }

  io::Tensors tensors_;
  std::vector<std::string> keys_;
};

void compute_all(const adapters::Adapter& adapter, const TinyModel& model) {
  for (const auto& [network, deltas] : adapter.deltas)
    for (const auto& [tensor, delta] : deltas) {
      const auto original = model.original(network, tensor);
      REQUIRE(delta->difference(original, 0.5f).shape() == original.shape());
      delta->factors();
    }
}

}  // namespace

TEST_CASE("a file that was changed anywhere is refused, or read as far as its numbers") {
  const TinyModel model("sd1");
  const Folder folder;
  int read = 0, refused = 0;
  for (const std::string name : kCases) {
    const auto file = io::open_safetensors(golden_folder() + "/adapters/" + name + ".safetensors");
    for (unsigned seed = 0; seed < 20; ++seed) {
      CAPTURE(name);
      CAPTURE(seed);
      io::write_safetensors(folder / "m.safetensors", Mutant(seed, file).tensors(), file.metadata);
      try {
        const auto adapter = adapters::read(folder / "m.safetensors", model.shapes, {.strict = seed % 2 == 0});
        compute_all(adapter, model);
        ++read;
      } catch (const Error& e) {
        ++refused;
        CAPTURE(e.what());
        CHECK((e.code() == ErrorCode::bad_file || e.code() == ErrorCode::unsupported_model));
        CHECK(has(e.what(), {"[adapter]", "m.safetensors"}));
      }
    }
  }
  CHECK(read > 20);
  CHECK(refused > 100);
}
