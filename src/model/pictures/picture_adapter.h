#pragma once
// An IP-Adapter's file and the encoder that sees its pictures, understood but not yet loaded, for a model that is.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/model.h"
#include "vision/clip_vision_model.h"
#include "vision/ip_adapter.h"

namespace corepulse::model {

struct PictureAdapterParts {
  std::filesystem::path path;
  io::Tensors tensors;  ///< Under the original files' names.
  nn::Weights::Files mappings;
  vision::IpAdapterConfig config;
  std::string what;                       ///< "IP-Adapter Plus".
  std::vector<int> sites;                 ///< By its pairs of keys and values: of unet::sites.
  uint64_t bytes(mx::Dtype dtype) const;  ///< Of its weights in memory: about.
};

/**
 * What the file is, without a model: `sites` and the widths of its keys and values stay empty.
 * @throws Error not_found, bad_file; unsupported_model, by name for files of other kinds.
 */
PictureAdapterParts read_picture_adapter(const std::filesystem::path& path);

/**
 * Checks that the adapter fits the model's UNet and has all of its tensors and no others; no number is read.
 * @throws as read_picture_adapter; unsupported_model for another family's, too.
 */
PictureAdapterParts understand_picture_adapter(const std::filesystem::path& path, const Parts& model);

/** On the thread that owns MLX. @throws Error bad_file, unsupported_model. */
std::shared_ptr<const vision::IpAdapter> load_picture_adapter(const PictureAdapterParts& parts, mx::Dtype dtype);

struct VisionParts {
  std::filesystem::path path;
  io::Tensors tensors;
  nn::Weights::Files mappings;
  vision::Config config;
  uint64_t bytes(mx::Dtype dtype) const;
};

/**
 * The encoder that the adapter reads: at the path, or, where that is empty, the first that fits among those that lie
 * where collections of adapters have them: image_encoder/ beside the file, and beside its folder.
 * @throws Error not_found, bad_file; unsupported_model for an encoder that the adapter does not read.
 */
VisionParts find_vision_encoder(const PictureAdapterParts& adapter, const std::filesystem::path& given);

/** On the thread that owns MLX. @throws Error bad_file, unsupported_model. */
std::shared_ptr<const vision::ClipVisionModel> load_vision(const VisionParts& parts, mx::Dtype dtype);

/** One vector of a face, or several, [n, width], in order of the tensors' names: of a safetensors file that holds
 * nothing else. @throws Error not_found, bad_file. */
std::vector<float> read_face_vectors(const std::filesystem::path& path, int width);

}  // namespace corepulse::model
