#pragma once
// What a picture looked at in itself while it was made, for later runs to look at.
//
//   recipe.controls = {record("style").at("output:1")};
//   const auto result = pipeline.generate({recipe});
//   save_recording(result.recordings[0], "style.safetensors");
//   later.controls = {share_recording("style.safetensors")};

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

#include "corepulse/recipe.h"

namespace corepulse {

struct RecordedRun;  // the engine's

/** The inputs of chosen self-attention layers at chosen steps of one image's run. */
struct Recording {
  std::string name;  ///< The capture's.
  int image = 0;     ///< Index in the batch.
  size_t bytes = 0;  ///< Of its numbers, in memory and in a file.
  std::shared_ptr<const RecordedRun> run;
};

/** Writes it as a safetensors file that `share` reads by name. @throws Error invalid_request (empty), not_found, io. */
void save_recording(const Recording& recording, const std::filesystem::path& file);

/** Bytes of all recordings that a run of the recipe makes (at most; float32), known without weights. @throws as
 * explain. */
size_t recording_bytes(const Recipe& recipe);

}  // namespace corepulse
