#include "gz.h"

#include <memory>
#include <zlib.h>

#include "base/fail.h"

namespace corepulse::efficacy {

namespace {

struct Close {
  void operator()(gzFile file) const { gzclose(file); }
};
using File = std::unique_ptr<gzFile_s, Close>;

}  // namespace

void write_gz(const std::filesystem::path& file, std::string_view text) {
  File out(gzopen(file.string().c_str(), "wb9"));
  const bool written = out && (text.empty() || gzwrite(out.get(), text.data(), unsigned(text.size())) > 0);
  if (!written || gzclose(out.release()) != Z_OK) fail(ErrorCode::io, file.string(), "could not be written");
}

std::string read_gz(const std::filesystem::path& file, size_t most) {
  const File in(gzopen(file.string().c_str(), "rb"));
  if (!in) fail(ErrorCode::not_found, file.string(), "is not there; expected the facts of a run");
  std::string text, piece(size_t{1} << 20, '\0');
  int got = 0;
  while ((got = gzread(in.get(), piece.data(), unsigned(piece.size()))) > 0) {
    text.append(piece, 0, size_t(got));
    if (text.size() > most) fail(ErrorCode::bad_file, file.string(), "holds more text than the facts of a run");
  }
  int error = Z_OK;
  gzerror(in.get(), &error);
  if (got < 0 || error != Z_OK) fail(ErrorCode::bad_file, file.string(), "is damaged");
  return text;
}

}  // namespace corepulse::efficacy
