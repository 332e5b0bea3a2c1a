#include "io/tensors/npy.h"

#include <bit>
#include <fmt/format.h>
#include <string>

#include "base/fail.h"
#include "io/file.h"

namespace corepulse::io {

static_assert(std::endian::native == std::endian::little, "'<f4' is little-endian");

void write_npy(const std::filesystem::path& file, const std::vector<int64_t>& shape, std::span<const float> values) {
  uint64_t count = 1;
  std::string sizes;
  for (const auto size : shape) {
    count *= static_cast<uint64_t>(size);
    sizes += fmt::format("{},", size);
  }
  if (count != values.size())
    fail(ErrorCode::internal, "npy", fmt::format("{} numbers for the shape ({})", values.size(), sizes));
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", sizes);
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 10 - 1,
                ' ');  // 10 bytes before it, a newline after it
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += static_cast<char>(header.size() & 0xFF);
  start += static_cast<char>(header.size() >> 8);
  start += header;

  AtomicFile out(file);
  out.write(std::as_bytes(std::span(start)));
  out.write(std::as_bytes(values));
  out.commit();
}

}  // namespace corepulse::io
