#pragma once
// How the library reports an error: fail(ErrorCode::bad_file, "safetensors", fmt::format("...",
// ...)).

#include <string_view>

#include "corepulse/error.h"

namespace corepulse {

/** Throws Error{code, "[where] message"}; message reads "what; expected; remedy". */
[[noreturn]] void fail(ErrorCode code, std::string_view where, std::string_view message);

}  // namespace corepulse
