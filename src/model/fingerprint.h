#pragma once
// Which model made a picture: digests that change with every byte of its weights.

#include <string>

#include "model/parts.h"

namespace corepulse::model {

/** See model_fingerprint. @throws Error{bad_file} if a file was changed since it was mapped. */
std::string fingerprint(const Parts& parts);

/** SHA-256 of the model's file, as other tools name models; "" for folders, and where the UNet is from elsewhere.
 * @throws as fingerprint. */
std::string file_sha256(const Parts& parts);

}  // namespace corepulse::model
