#pragma once
// Files that clients send, kept so that recipes can name them.

#include <cstdint>
#include <mutex>
#include <string>

#include "files/folder.h"
#include "jobs/store.h"

namespace corepulse::server {

/** Any thread may use it. */
class Uploads {
 public:
  /** @param most bytes of all of them, of which each counts as 4096 at least. */
  Uploads(const Folder& folder, Store& store, int64_t most);
  /**
   * Keeps a picture, a recording or an array as it is; recipes call it "upload:ID". Where there is no room the oldest
   * go, but for those that an unfinished job or a recipe of the user names.
   * @throws Problem 415 for other bytes, 507 where there is no room; Error{bad_file} for a damaged picture; Error{io}.
   */
  Upload keep(const std::string& bytes);

 private:
  void make_room(int64_t room);
  const Folder& folder_;
  Store& store_;
  const int64_t most_;
  std::mutex mutex_;
  int64_t held_;  // under it
};

/** A picture in base64, perhaps behind "data:image/png;base64,". @param field of the request. @throws Problem 400. */
std::string picture_bytes(const std::string& text, const std::string& field);

}  // namespace corepulse::server
