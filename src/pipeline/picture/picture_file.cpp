#include "pipeline/picture/picture_file.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "io/digest/sha256.h"
#include "io/picture/image_format.h"
#include "io/utf8.h"

namespace corepulse::pipeline {

PictureFile checked_picture(const std::string& bytes, const std::string& file, const std::string& sha256,
                            const char* where) {
  const auto name = file.empty() ? "the embedded picture" : io::printable(file, 300);
  const auto digest = io::sha256_of(bytes);
  if (!sha256.empty() && sha256 != digest)
    fail(ErrorCode::bad_file, where,
         fmt::format("{} is not the picture that the recipe was made with: its SHA-256 is {:.10}..., the recipe's "
                     "{:.10}...; put that picture back, or take sha256 out of the recipe",
                     name, digest, io::printable(sha256)));
  return {io::decode_image(bytes, name), name, digest};
}

}  // namespace corepulse::pipeline
