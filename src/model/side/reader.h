#pragma once
// Sizes of a side network, read off its tensors.

#include <cstdint>
#include <filesystem>
#include <string>

#include "io/json.h"
#include "io/tensors/tensor_view.h"
#include "model/side/side_parts.h"

namespace corepulse::model {

class SideReader {
 public:
  /** @param tensors of the network in the file, which outlive this. */
  SideReader(const io::Tensors& tensors, const SideFile& file) : tensors_(tensors), file_(file) {}

  bool begins(const std::string& beginning) const;
  /** Of "X0.", "X1." ... in a row: how many begin some tensor's name. */
  int count(const std::string& prefix, int most) const;
  /** @throws as unsupported, if the tensor is not there or has no such axis. */
  int size(const std::string& name, size_t axis) const;
  /** What a folder's config says where no tensor shows it. Null: it does not say. */
  io::Json said(const char* field) const;
  /** Refuses a field of the config. */
  [[noreturn]] void refuse(const char* field) const;
  [[noreturn]] void unsupported(const std::string& message) const;

 private:
  const io::Tensors& tensors_;
  const SideFile& file_;
};

constexpr int kMostLayers = 64;
constexpr int64_t kMostWidth = 1 << 16;

/** A T2I-Adapter's shape, and by skip whether it adds to it. @throws Error unsupported_model. */
void understand_t2i_adapter(SideParts& parts, const Parts& model);
/** Completes the tensors of a network that is stored as a change of a UNet. @throws Error unsupported_model. */
void complete_by_unet(SideParts& parts, const Parts& model);

}  // namespace corepulse::model
