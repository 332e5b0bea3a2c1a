#pragma once
// Recordings in files. A file is hostile until its header was checked against the model and the run.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "control/inputs.h"
#include "io/tensors/safetensors.h"
#include "pipeline/capture/recorder.h"

namespace corepulse::pipeline {

class RecordingFile {
 public:
  /**
   * Checks all of it. @param model tells the fingerprint that it must have been recorded with. @throws Error not_found,
   * io; bad_file (no recording, damaged, numbers that are not finite, another version); invalid_request (another
   * model).
   */
  RecordingFile(const std::string& file, const unet::Config& unet, const std::function<std::string()>& model);

  /** What control is told of it; the name is the file's. */
  const control::RecordingInfo& info() const { return info_; }
  /** SHA-256 of the file. @throws Error{bad_file} if it was written to. */
  const std::string& sha256() const;
  /** What the layer was given, or the resnet added: [1, N, C]. Where one row was recorded, that. @throws
   * Error{bad_file} if the file was written to. */
  mx::array read(const control::Site& site, const control::Step& step, const control::Row& row) const;

 private:
  void read_header();
  void check_layers(const unet::Config& unet);
  void check_numbers() const;
  [[noreturn]] void damaged(const std::string& message) const;

  io::SafetensorsFile file_;
  control::RecordingInfo info_;
  std::string model_;
  mutable std::optional<std::string> sha256_;  ///< Asked for by the thread that prepares a run.
};

using RecordingList = std::vector<std::shared_ptr<const RecordingFile>>;

/** The list with the files that the controls name added to it. @param path what errors call the controls. @throws as
 * RecordingFile; bad_file for one that is not what its control's sha256 says. */
RecordingList with_recordings(RecordingList known, const std::vector<Control>& controls, const std::string& path,
                              const unet::Config& unet, const std::function<std::string()>& model);

/** Every control that reads one of the files has its digest. */
void keep_digests(std::vector<Control>& controls, const RecordingList& files);

}  // namespace corepulse::pipeline
