#pragma once
// multipart/form-data, as browsers' forms and OpenAI's clients send files.

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace corepulse::server {

struct Part {
  std::string name, filename, type;
  std::string body;
};

/** The parts in order. @throws Problem 400: no boundary, a part without a name or an end, more than `most` parts. */
std::vector<Part> read_multipart(const Request& request, size_t most = 64);

}  // namespace corepulse::server
