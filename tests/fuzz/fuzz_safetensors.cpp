// A header that is accepted describes tensors that fill the data section exactly, each inside the file.
#include <algorithm>
#include <vector>

#include "fuzz.h"
#include "io/tensors/safetensors_header.h"
#include "io/tensors/stored_type.h"

namespace {

using namespace corepulse;

void check(std::string_view file) {
  const auto bytes = std::as_bytes(std::span(file));
  fuzz::accepts({ErrorCode::bad_file, ErrorCode::unsupported_model}, [&] {
    const auto parsed = io::parse_safetensors(bytes, "file");
    size_t total = 0;
    std::vector<const std::byte*> starts;
    for (const auto& [name, tensor] : parsed.tensors) {
      fuzz::require(io::is_utf8(name) && tensor.shape.size() <= 8);
      for (const auto d : tensor.shape) fuzz::require(d >= 0 && d < int64_t{1} << 31);
      fuzz::require(tensor.bytes == tensor.elements() * io::bytes_of(tensor.type));
      fuzz::require(tensor.data >= bytes.data() + 8 && tensor.data + tensor.bytes <= bytes.data() + bytes.size());
      if (tensor.bytes > 0) starts.push_back(tensor.data);
      total += tensor.bytes;
    }
    std::sort(starts.begin(), starts.end());
    fuzz::require(std::adjacent_find(starts.begin(), starts.end()) == starts.end());
    uint64_t header = 0;
    for (int i = 0; i < 8; ++i) header |= static_cast<uint64_t>(static_cast<unsigned char>(file[i])) << (8 * i);
    fuzz::require(parsed.file_bytes == bytes.size() && total == bytes.size() - 8 - header);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = fuzz::text(data, size);
  check(input);
  // The same bytes as a header whose length is right, before some data: mutation alone seldom gets that far.
  if (size < 1) return 0;
  const auto header = input.substr(1);
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  file += header;
  file.append(data[0], 'd');
  check(file);
  return 0;
}
