#pragma once
// A whole model around tests/golden/refiner, as SDXL's refiner comes: one text encoder, five numbers beside it.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/places.h"

namespace corepulse::test {

class RefinerFolder {
 public:
  RefinerFolder() {
    namespace fs = std::filesystem;
    std::string pattern = (fs::temp_directory_path() / "corepulse_refiner_XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    for (const char* part : {"vae", "text_encoder_2", "tokenizer_2", "scheduler"})
      fs::create_directory_symlink(golden_folder() + "/models/sdxl/" + part, path_ / part);
    fs::create_directory_symlink(golden_folder() + "/refiner", path_ / "unet");
    std::ofstream(path_ / "model_index.json") << R"({"_class_name": "StableDiffusionXLImg2ImgPipeline",
      "force_zeros_for_empty_prompt": false, "requires_aesthetics_score": true,
      "scheduler": ["diffusers", "EulerDiscreteScheduler"], "text_encoder": [null, null], "tokenizer": [null, null],
      "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"], "tokenizer_2": ["transformers", "CLIPTokenizer"],
      "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]})";
  }
  RefinerFolder(const RefinerFolder&) = delete;
  RefinerFolder& operator=(const RefinerFolder&) = delete;
  ~RefinerFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/** Made once for all tests of this program, and there until it ends. */
inline std::string refiner_folder() {
  static const RefinerFolder folder;
  return folder.path();
}

}  // namespace corepulse::test
