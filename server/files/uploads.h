#pragma once
// Files that clients send, kept so that recipes can name them.

#include <string>

#include "files/folder.h"
#include "jobs/store.h"

namespace corepulse::server {

/**
 * Keeps a picture, a recording or an array as it is; recipes call it "upload:ID".
 * @throws Problem 415 for other bytes; Error{bad_file} for a damaged picture; Error{io}.
 */
Upload keep_upload(const Folder& folder, Store& store, const std::string& bytes);

/** A picture in base64, perhaps behind "data:image/png;base64,". @param field of the request. @throws Problem 400. */
std::string picture_bytes(const std::string& text, const std::string& field);

}  // namespace corepulse::server
