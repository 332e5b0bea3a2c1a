#include "model/side/reader.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "io/utf8.h"
#include "model/side/names.h"

namespace corepulse::model {

bool SideReader::begins(const std::string& beginning) const {
  return some_begins(tensors_, beginning);
}

int SideReader::count(const std::string& prefix, int most) const {
  int n = 0;
  while (n < most && begins(fmt::format("{}{}.", prefix, n))) ++n;
  return n;
}

int SideReader::size(const std::string& name, size_t axis) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) unsupported(fmt::format("tensor {} is missing (name as in Diffusers)", name));
  const auto& shape = found->second.shape;
  if (shape.size() <= axis || shape[axis] < 1 || shape[axis] > kMostWidth)
    unsupported(fmt::format("tensor {} has an impossible shape", name));
  return static_cast<int>(shape[axis]);
}

io::Json SideReader::said(const char* field) const {
  return file_.config.is_object() ? file_.config.value(field, io::Json()) : io::Json();
}

void SideReader::refuse(const char* field) const {
  unsupported(fmt::format("config.json: {} is {}; this is not supported", field,
                          io::printable(said(field).dump(-1, ' ', true), 80)));
}

void SideReader::unsupported(const std::string& message) const {
  fail(ErrorCode::unsupported_model, "controlnet", fmt::format("{}: {}", file_.path.string(), message));
}

}  // namespace corepulse::model
