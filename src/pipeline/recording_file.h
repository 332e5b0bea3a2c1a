#pragma once
// Recordings in files. A file is hostile until its header was checked against the model and the run.

#include <memory>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "control/inputs.h"
#include "io/safetensors.h"
#include "pipeline/recorder.h"

namespace corepulse::pipeline {

class RecordingFile {
 public:
  /**
   * Checks all but the numbers themselves. @param model the fingerprint that it must have been recorded with.
   * @param sites of that model. @throws Error not_found, io; bad_file (no recording, damaged, another version);
   * invalid_request (another model).
   */
  RecordingFile(const std::string& file, const unet::Config& unet, const std::vector<control::Site>& sites,
                const std::string& model);

  /** What control is told of it; the name is the file's. */
  const control::RecordingInfo& info() const { return info_; }
  /** What the layer was given: [1, N, C]. @throws Error{bad_file} if its numbers are not finite, or it was written to.
   */
  mx::array read(const control::Site& site, const control::Step& step, const control::Row& row) const;

 private:
  void read_header();
  void check_layers(const unet::Config& unet, const std::vector<control::Site>& sites);
  [[noreturn]] void damaged(const std::string& message) const;

  io::SafetensorsFile file_;
  control::RecordingInfo info_;
  std::string model_;
};

using RecordingList = std::vector<std::shared_ptr<const RecordingFile>>;

/** The list with the files that the controls name added to it. @param path what errors call the controls. */
RecordingList with_recordings(RecordingList known, const std::vector<Control>& controls, const std::string& path,
                              const unet::Config& unet, const std::string& model);

}  // namespace corepulse::pipeline
