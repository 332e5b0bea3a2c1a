#include "io/tensors/safetensors_header.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>
#include <tuple>

#include "base/fail.h"
#include "io/tensors/safetensors_sax.h"
#include "io/tensors/stored_type.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

constexpr uint64_t kMostHeader = 100'000'000;  // as the format's own reader

using Entry = SafetensorsEntry;

[[noreturn]] void refuse(std::string_view file, std::string_view message) {
  fail(ErrorCode::bad_file, "safetensors", fmt::format("{}: {}", file, message));
}

// Shape, type and offsets must agree: a product that wraps round would pass as a small tensor.
void check_size(Entry& entry, uint64_t data_bytes, std::string_view file) {
  const auto wrong = [&](std::string_view message) {
    refuse(file, fmt::format("tensor \"{}\": {}", printable(entry.name), message));
  };
  uint64_t bytes = bytes_of(entry.view.type);
  for (const auto d : entry.view.shape)
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(d), &bytes)) wrong("its dimensions are too large");
  if (entry.end < entry.begin) wrong(fmt::format("data_offsets [{}, {}] run backwards", entry.begin, entry.end));
  if (entry.end - entry.begin != bytes)
    wrong(fmt::format("{} bytes of data; expected {} for its shape and dtype", entry.end - entry.begin, bytes));
  if (entry.end > data_bytes)
    wrong(fmt::format("its data ends at byte {} of {}; the file is cut short; copy or download it again", entry.end,
                      data_bytes));
  entry.view.bytes = bytes;
}

// The tensors must fill the data section: a hole or a tail could hide another file, an overlap
// aliases two tensors.
void check_layout(std::vector<Entry>& entries, uint64_t data_bytes, std::string_view file) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  uint64_t at = 0;
  for (const auto& entry : entries) {
    if (entry.begin > at)
      refuse(file, fmt::format("tensor \"{}\": a hole of {} bytes before it; expected none", printable(entry.name),
                               entry.begin - at));
    if (entry.begin < at)
      refuse(file, fmt::format("tensor \"{}\": overlaps the tensor before it", printable(entry.name)));
    at = entry.end;
  }
  if (at != data_bytes)
    refuse(file, fmt::format("{} bytes after the last tensor; expected none; the file is damaged "
                             "or not what it claims",
                             data_bytes - at));
}

bool is_html(std::string_view beginning) {
  if (beginning.starts_with("\xef\xbb\xbf")) beginning.remove_prefix(3);
  beginning.remove_prefix(std::min(beginning.find_first_not_of(" \t\r\n"), beginning.size()));
  return beginning.starts_with("<!") || beginning.starts_with("<?xml") || beginning.starts_with("<html") ||
         beginning.starts_with("<HTML");
}

// What a file is that does not begin as safetensors do, by its first bytes.
[[noreturn]] void refuse_other_format(std::string_view bytes, std::string_view file) {
  if (bytes.substr(0, 4) == "GGUF")
    fail(ErrorCode::unsupported_model, "safetensors",
         fmt::format("{}: is a GGUF file; expected safetensors; use the model's safetensors version", file));
  const bool pickle = bytes.size() > 1 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5;
  if (pickle || bytes.substr(0, 4) == "PK\x03\x04") refuse_pickle(file);
  if (bytes.starts_with("version https://git-lfs"))
    refuse(file, "is a pointer of Git LFS, which stands for the file; expected the file itself; run \"git lfs pull\"");
  if (is_html(bytes.substr(0, 256)))
    refuse(file,
           "is a web page, most often the answer of a site that wants a login; expected a safetensors file; "
           "download it again");
  refuse(file, "does not begin with the length of a header and '{'; expected a safetensors file");
}

}  // namespace

void refuse_pickle(std::string_view file) {
  refuse(file,
         "is a pickle (PyTorch checkpoint), which can run programs when opened; expected "
         "safetensors; convert it where "
         "you trust it: python -c \"import sys, torch; from safetensors.torch import save_file; "
         "d = torch.load(sys.argv[1], weights_only=True); d = d.get('state_dict', d); "
         "save_file({k: v.contiguous() for k, v in d.items() if hasattr(v, 'shape')}, "
         "sys.argv[2])\" IN OUT.safetensors");
}

SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, std::string_view file) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (bytes.size() < 8)
    refuse(file, fmt::format("has {} bytes; expected a safetensors file, at least 10", bytes.size()));
  uint64_t length = 0;
  for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(text[i]);
  if (bytes.size() == 8 || text[8] != '{') refuse_other_format(text, file);
  if (length > kMostHeader) refuse(file, fmt::format("a header of {} bytes; expected at most {}", length, kMostHeader));
  if (length > bytes.size() - 8)
    refuse(file, fmt::format("a header of {} bytes in a file of {}; the file is cut short; copy or "
                             "download it again",
                             length, bytes.size()));
  SafetensorsSax header(file);
  header.parse(text.substr(8, length));

  const auto data = bytes.subspan(8 + length);
  for (auto& entry : header.entries) check_size(entry, data.size(), file);
  check_layout(header.entries, data.size(), file);
  SafetensorsFile result;
  result.metadata = std::move(header.metadata);
  result.file_bytes = bytes.size();
  result.tensors.reserve(header.entries.size());
  for (auto& entry : header.entries) {
    entry.view.data = data.data() + entry.begin;
    result.tensors.emplace(std::move(entry.name), std::move(entry.view));
  }
  return result;
}

}  // namespace corepulse::io
