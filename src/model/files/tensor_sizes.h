#pragma once
// Sizes of a network, read off the tensors of its file.
//
//   const TensorSizes sizes(tensors, path, {.part = "controlnet"});
//   const int width = sizes.size("conv_in.weight", 0);

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "io/tensors/tensor_view.h"

namespace corepulse::model {

constexpr int64_t kMostWidth = 1 << 16;

/** Whether some tensor's name does. */
bool some_begins(const io::Tensors& tensors, std::string_view beginning);

struct TensorSizesOptions {
  std::string_view part;          ///< What messages begin with: "controlnet".
  std::string_view missing = "";  ///< Behind "tensor X is missing": under whose names it is looked for.
};

class TensorSizes {
 public:
  /** @param tensors outlive this; so do the options' texts. */
  TensorSizes(const io::Tensors& tensors, std::filesystem::path path, TensorSizesOptions options)
      : tensors_(tensors), path_(std::move(path)), options_(options) {}

  bool has(const std::string& name) const { return tensors_.contains(name); }
  bool begins(std::string_view beginning) const { return some_begins(tensors_, beginning); }
  /** Of "X0.", "X1." ... in a row: how many begin some tensor's name. */
  int count(const std::string& prefix, int most) const;
  /** @throws as unsupported, if the tensor is not there, or has no such axis of 1 to kMostWidth. */
  int size(const std::string& name, size_t axis) const;
  /** @throws Error unsupported_model, with the file's name. */
  [[noreturn]] void unsupported(const std::string& message) const;

 private:
  const io::Tensors& tensors_;
  std::filesystem::path path_;
  TensorSizesOptions options_;
};

}  // namespace corepulse::model
