#include "model/side/reader.h"

#include <fmt/format.h>

#include "io/utf8.h"

namespace corepulse::model {

io::Json SideReader::said(const char* field) const {
  return file_.config.is_object() ? file_.config.value(field, io::Json()) : io::Json();
}

void SideReader::refuse(const char* field) const {
  unsupported(fmt::format("config.json: {} is {}; this is not supported", field,
                          io::printable(said(field).dump(-1, ' ', true), 80)));
}

}  // namespace corepulse::model
