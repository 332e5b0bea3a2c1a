#pragma once
// Headers of full-size checkpoints: the names and shapes of the original files, with a hole in place of the numbers.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace corepulse::test {

/** Name to shape. */
using Shapes = std::map<std::string, std::vector<int64_t>>;

/** The numbers of LDM's config files that decide a UNet's shapes. */
struct LdmUNet {
  int channels = 320;
  std::vector<int> multiples{1, 2, 4, 4};
  std::vector<int> depth{1, 1, 1, 0};  ///< Of the transformers at each level; 0 = no attention.
  /** Of distilled UNets' output blocks, by level from the coarsest and by layer; empty: as `depth`. */
  std::vector<std::vector<int>> up_depth;
  int middle_depth = 1;  ///< -1: a resnet and nothing else; -2: no middle block.
  int layers = 2;        ///< Of an input level; an output level has one more.
  int context = 768;
  bool linear = false;
  int added = 0;  ///< Width of SDXL's added conditioning.
  int in = 4;
};

LdmUNet sd1_unet();
LdmUNet sd2_unet();
LdmUNet sdxl_unet();
LdmUNet refiner_unet();
LdmUNet ssd1b_unet();
LdmUNet vega_unet();

Shapes unet_shapes(const LdmUNet& unet, const std::string& prefix = "model.diffusion_model.");
Shapes vae_shapes(const std::string& prefix = "first_stage_model.");
/** CLIP-L with Hugging Face's names. */
Shapes clip_shapes(const std::string& prefix);
/** OpenCLIP: H has width 1024 and 24 layers, bigG 1280 and 32. */
Shapes open_clip_shapes(const std::string& prefix, int width, int layers);

/** The whole files: 1,000 to 2,600 tensors. */
Shapes sd1_shapes(int in = 4);
Shapes sd2_shapes(int in = 4);
Shapes sdxl_shapes(int in = 4);
Shapes sdxl_shapes(const LdmUNet& unet);
Shapes refiner_shapes();

Shapes operator+(Shapes a, const Shapes& b);

/**
 * A float16 .safetensors file of these tensors whose data is a hole: gigabytes that take no room.
 * @param bytes_as tensors of another type, of one byte: their names and dtypes.
 */
void write_header_only(const std::filesystem::path& file, const Shapes& shapes,
                       const std::map<std::string, std::string>& metadata = {},
                       const std::map<std::string, std::string>& bytes_as = {});

/** Writes the bytes of one of its tensors. */
void fill(const std::filesystem::path& file, const std::string& tensor, const std::string& bytes);

}  // namespace corepulse::test
