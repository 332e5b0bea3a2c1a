#include "base/kept_error.h"

#include <mutex>

namespace corepulse {
namespace {

std::mutex mutex;
std::optional<Error> kept;

}  // namespace

void keep_error(const Error& error) {
  const std::lock_guard lock(mutex);
  kept.emplace(error);
}

std::optional<Error> kept_error(const std::string& what) {
  const std::lock_guard lock(mutex);
  if (!kept || what != kept->what()) return {};
  const auto error = kept;
  kept.reset();
  return error;
}

}  // namespace corepulse
