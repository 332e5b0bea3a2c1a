#pragma once
// Names and sizes of the element types that safetensors files use.

#include <optional>
#include <string>
#include <string_view>

#include "io/tensors/tensor_view.h"

namespace corepulse::io {

/** "F16", as safetensors spells it. */
const char* name(StoredType type) noexcept;
/** Bytes of one element. */
size_t bytes_of(StoredType type) noexcept;
std::optional<StoredType> parse_stored_type(std::string_view name) noexcept;
/** "F16, BF16, ...", for messages. */
std::string stored_type_names();

}  // namespace corepulse::io
