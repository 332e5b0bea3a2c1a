#pragma once
// The server's own folder: nobody else writes there.
//
//   corepulse.db   jobs, history, recipes      uploads/ID      what clients sent
//   pictures/NAME.png                          thumbs/NAME.jpg  made when first asked for

#include <filesystem>
#include <string>

#include "http/message.h"

namespace corepulse::server {

class Folder {
 public:
  /** Makes what is missing, and locks it for this process. @throws Error io; invalid_request: another server has it. */
  explicit Folder(const std::filesystem::path& root);
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path database() const { return root_ / "corepulse.db"; }
  // Of names and ids that is_name() says are some: of the server's own making. @throws Problem 404 for others.
  std::filesystem::path picture(const std::string& name) const;
  std::filesystem::path thumb(const std::string& name) const;
  std::filesystem::path upload(const std::string& id) const;
  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
  int lock_ = -1;
};

/** The name of a picture or a file that the server gave: 1 to 80 of a-z, 0-9 and '-'. */
bool is_name(const std::string& text);
/** 26 characters that nobody can guess. */
std::string new_id();

/** A whole file. @throws Problem 404. */
std::string read_file(const std::filesystem::path& file);
/** One that nobody changes, read again for each piece: an answer needs little memory and no open file. @throws Problem
 * 404. */
Pieces pieces_of_file(const std::filesystem::path& file);
/** Written under another name, flushed, renamed. @throws Error{io}. */
void write_file(const std::filesystem::path& file, const std::string& bytes);

}  // namespace corepulse::server
