#pragma once
// The tiny models' tensors as adapters see them, and adapter files made on the spot.

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "../io/support.h"
#include "adapters/adapter.h"
#include "io/tensors/ldm_names.h"
#include "io/tensors/safetensors.h"
#include "support/golden.h"

namespace corepulse::test {

/** A model of tests/golden/models: its tensors by network, under Diffusers' names. */
class TinyModel {
 public:
  explicit TinyModel(const std::string& family) {
    for (const std::string network : {"unet", "text_encoder", "text_encoder_2"}) {
      const auto folder = golden_folder() + "/models/" + family + "/" + network + "/";
      const auto file = folder + (network == "unet" ? "diffusion_pytorch_model.safetensors" : "model.safetensors");
      if (!fs::exists(file)) continue;
      tensors_[network] = io::to_diffusers(network == "unet" ? io::Naming::diffusers : io::Naming::clip,
                                           io::open_safetensors(file).tensors);
      for (const auto& [name, view] : tensors_[network]) shapes[network][name] = view.shape;
    }
  }
  mx::array original(const std::string& network, const std::string& tensor) const {
    const auto& view = tensors_.at(network).at(tensor);
    return nn::to_array(view, mx::Shape(view.shape.begin(), view.shape.end()), mx::float32);
  }

  adapters::Shapes shapes;

 private:
  std::map<std::string, io::Tensors> tensors_;
};

inline const TinyModel& sd1() {
  static const TinyModel model("sd1");
  return model;
}

/** A file of tensors that a test writes down. */
class AdapterFile {
 public:
  AdapterFile& add(const std::string& key, std::vector<int64_t> shape, std::vector<float> numbers) {
    io::TensorView view{io::StoredType::f32, std::move(shape)};
    numbers.resize(view.elements());
    return add(key, io::StoredType::f32, view.shape, numbers.data(), numbers.size() * sizeof(float));
  }
  /** Numbers 0.01, 0.02, ... */
  AdapterFile& add(const std::string& key, std::vector<int64_t> shape) {
    std::vector<float> numbers(io::TensorView{io::StoredType::f32, shape}.elements());
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = 0.01f * static_cast<float>(i % 97 + 1);
    return add(key, std::move(shape), std::move(numbers));
  }
  AdapterFile& add(const std::string& key, io::StoredType type, std::vector<int64_t> shape, const void* data,
                   size_t bytes) {
    const auto copy = std::make_shared<std::string>(static_cast<const char*>(data), bytes);
    tensors_[key] = {type, std::move(shape), reinterpret_cast<const std::byte*>(copy->data()), bytes, false, copy};
    return *this;
  }
  AdapterFile& meta(const std::string& key, const std::string& text) {
    metadata_[key] = text;
    return *this;
  }
  adapters::Adapter read(const TinyModel& model, const adapters::ReadOptions& options = {},
                         const std::string& name = "a.safetensors") const {
    io::write_safetensors(*folder_ / name, tensors_, metadata_);
    return adapters::read(*folder_ / name, model.shapes, options);
  }
  std::string refusal(const TinyModel& model, const adapters::ReadOptions& options = {}) const {
    return test::refusal([&] { read(model, options); });
  }
  const Folder& folder() const { return *folder_; }

 private:
  std::shared_ptr<const Folder> folder_ = std::make_shared<const Folder>();  // copies share it
  io::Tensors tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace corepulse::test
