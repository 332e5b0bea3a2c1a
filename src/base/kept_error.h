#pragma once
// Errors that pass through MLX, whose threads hand on what was said and forget what kind it was.

#include <optional>
#include <string>

#include "corepulse/error.h"

namespace corepulse {

/** Keeps an error that is about to be thrown where MLX catches it; of several the last. On any thread. */
void keep_error(const Error& error);

/** The error that said this, if it was kept; it is forgotten then. */
std::optional<Error> kept_error(const std::string& what);

}  // namespace corepulse
