#include "pipeline/prepare/outline.h"

#include "model/fingerprint.h"
#include "model/inspect.h"

namespace corepulse::pipeline {

Outline::Outline(const ModelSource& source)
    : parts(model::understand(source)), info(model::describe(parts)), tokenizers(model::load_tokenizers(parts)) {}

const std::string& Outline::fingerprint() const {
  const std::lock_guard lock(digesting_);
  if (!fingerprint_) fingerprint_ = model::fingerprint(parts);
  return *fingerprint_;
}

const std::string& Outline::file_sha256() const {
  const std::lock_guard lock(digesting_);
  if (!file_sha256_) file_sha256_ = model::file_sha256(parts);
  return *file_sha256_;
}

}  // namespace corepulse::pipeline
