#pragma once
// A model without its weights.

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/model.h"
#include "model/parts.h"

namespace corepulse::pipeline {

/** What checking and explaining a recipe needs. Costs milliseconds. */
struct Outline {
  explicit Outline(const ModelSource& source);
  model::Parts parts;
  ModelInfo info;
  std::vector<text::ClipTokenizer> tokenizers;  ///< One per text encoder.

  /** See model_fingerprint; computed when first asked, from any thread. @throws Error{bad_file}. */
  const std::string& fingerprint() const;
  /** See MadeWith::model_sha256; likewise. */
  const std::string& file_sha256() const;

 private:
  mutable std::mutex digesting_;
  mutable std::optional<std::string> fingerprint_, file_sha256_;
};

}  // namespace corepulse::pipeline
