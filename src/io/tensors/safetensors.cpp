#include "io/tensors/safetensors.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"
#include "io/file.h"
#include "io/json.h"
#include "io/tensors/safetensors_header.h"
#include "io/tensors/stored_type.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace fs = std::filesystem;
namespace {

// What the header of a file to be written says, and the tensors in the order of their data.
struct Layout {
  std::string header;
  std::vector<const Tensors::value_type*> order;
};

void check_tensor(const std::string& name, const TensorView& view) {
  const auto wrong = [&](const char* message) {
    fail(ErrorCode::internal, "safetensors", fmt::format("tensor \"{}\": {}", printable(name), message));
  };
  if (!is_utf8(name)) wrong("its name is not UTF-8; expected UTF-8");
  if (view.transposed) wrong("a transposed view; expected the data in the order of its shape");
  if (view.bytes != view.elements() * bytes_of(view.type) || (view.bytes > 0 && !view.data))
    wrong("its data does not fit its shape and type");
}

Layout lay_out(const Tensors& tensors, const std::map<std::string, std::string>& metadata) {
  Layout layout;
  for (const auto& item : tensors) layout.order.push_back(&item);
  // Wide elements first keeps every tensor aligned to its element, as the format's own writer does.
  std::sort(layout.order.begin(), layout.order.end(), [](const auto* a, const auto* b) {
    const auto x = bytes_of(a->second.type), y = bytes_of(b->second.type);
    return x != y ? x > y : a->first < b->first;
  });
  std::string& header = layout.header;
  for (const auto& [key, text] : metadata)
    if (!is_utf8(key) || !is_utf8(text))
      fail(ErrorCode::internal, "safetensors",
           fmt::format("metadata \"{}\": not UTF-8; expected UTF-8", printable(key)));
  if (!metadata.empty()) header += fmt::format("\"__metadata__\":{},", Json(metadata).dump());
  uint64_t at = 0;
  for (const auto* item : layout.order) {
    const auto& [name, view] = *item;
    check_tensor(name, view);
    header += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},", Json(name).dump(),
                          io::name(view.type), fmt::join(view.shape, ","), at, at + view.bytes);
    at += view.bytes;
  }
  if (!header.empty()) header.pop_back();
  header = "{" + header + "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  return layout;
}

}  // namespace

SafetensorsFile open_safetensors(const fs::path& file) {
  const std::string name = shown(file);
  const auto mapping = MappedFile::open(file);
  const auto extension = lower_extension(file);
  for (const char* pickle : {".ckpt", ".bin", ".pt", ".pth"})
    if (extension == pickle) refuse_pickle(name);
  auto result = parse_safetensors(mapping->bytes(), name);
  for (auto& [tensor, view] : result.tensors) view.owner = mapping;
  result.mapping = mapping;
  return result;
}

void check_unchanged(const SafetensorsFile& file) {
  if (file.mapping) file.mapping->check_unchanged();
}

void write_safetensors(const fs::path& file, const Tensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const auto layout = lay_out(tensors, metadata);
  AtomicFile out(file);
  const uint64_t length = layout.header.size();
  out.write(std::as_bytes(std::span(&length, 1)));
  out.write(std::as_bytes(std::span(layout.header)));
  for (const auto* item : layout.order) out.write({item->second.data, item->second.bytes});
  out.commit();
}

}  // namespace corepulse::io
