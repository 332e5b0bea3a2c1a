#pragma once
// What coordinator and workers say to each other: a line of JSON, then bytes of files.

#include <string>
#include <string_view>
#include <vector>

#include "corepulse/error.h"
#include "corepulse/sweep.h"

#include "io/json.h"

namespace corepulse::sweep {

struct Message {
  io::Json head;                        ///< An object.
  std::vector<std::string_view> files;  ///< Bytes of the text that was read.
};

std::string message_of(io::Json head, const std::vector<std::string_view>& files);

/** @throws Error{bad_file} for what message_of does not make. */
Message read_message(std::string_view text);

/** What tells a sweep from others, whatever folder its paths are seen from: each message says which it is of. */
std::string sweep_sha256(const Sweep& sweep);
/** @throws Error{bad_file} for a message of another sweep. */
void check_sweep(const io::Json& head, const std::string& sha256);

/** A worker's job ended so. */
std::string message_of_failure(const std::string& sweep_sha256, const Error& error);
/** @throws the error of such a message; nothing for another one. */
void throw_failure(const io::Json& head);

}  // namespace corepulse::sweep
