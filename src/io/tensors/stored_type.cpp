#include "io/tensors/stored_type.h"

namespace corepulse::io {
namespace {

struct Row {
  StoredType type;
  const char* name;
  size_t bytes;
};

constexpr Row kRows[] = {
    {StoredType::f16, "F16", 2}, {StoredType::bf16, "BF16", 2},       {StoredType::f32, "F32", 4},
    {StoredType::f64, "F64", 8}, {StoredType::f8_e4m3, "F8_E4M3", 1}, {StoredType::f8_e5m2, "F8_E5M2", 1},
    {StoredType::i8, "I8", 1},   {StoredType::i16, "I16", 2},         {StoredType::i32, "I32", 4},
    {StoredType::i64, "I64", 8}, {StoredType::u8, "U8", 1},           {StoredType::boolean, "BOOL", 1},
};

}  // namespace

const char* name(StoredType type) noexcept {
  return kRows[static_cast<int>(type)].name;
}
size_t bytes_of(StoredType type) noexcept {
  return kRows[static_cast<int>(type)].bytes;
}

std::optional<StoredType> parse_stored_type(std::string_view name) noexcept {
  for (const auto& row : kRows)
    if (name == row.name) return row.type;
  return std::nullopt;
}

std::string stored_type_names() {
  std::string names;
  for (const auto& row : kRows) names.append(names.empty() ? "" : ", ").append(row.name);
  return names;
}

}  // namespace corepulse::io
