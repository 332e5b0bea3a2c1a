#include "engine/memory.h"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <fstream>
#include <string>

#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

#include "mlx/device.h"
#include "mlx/memory.h"

#include "base/tensor.h"

namespace corepulse::engine {
namespace {

/** The number in a one-number file such as a cgroup's; `otherwise` if it is absent or "max". */
size_t number_in(const char* file, size_t otherwise) {
  std::ifstream in(file);
  size_t value;
  return in >> value ? value : otherwise;
}

#ifdef __APPLE__
size_t machine_memory() {
  uint64_t bytes = 0;
  size_t size = sizeof(bytes);
  return sysctlbyname("hw.memsize", &bytes, &size, nullptr, 0) == 0 ? bytes : 0;
}

/** All of it: what other programs hold, macOS compresses or writes to disk. */
size_t free_memory() {
  return machine_memory();
}
#else
size_t in_meminfo(std::string_view wanted) {
  std::ifstream in("/proc/meminfo");
  std::string key, unit;
  for (size_t kilobytes; in >> key >> kilobytes; std::getline(in, unit))
    if (key == wanted) return kilobytes * 1024;
  return 0;
}

size_t machine_memory() {
  return in_meminfo("MemTotal:");
}

size_t free_memory() {
  return in_meminfo("MemAvailable:");
}
#endif

size_t cgroup_limit() {
  return number_in("/sys/fs/cgroup/memory.max", SIZE_MAX);
}

}  // namespace

size_t total_memory() {
  return std::min(machine_memory(), cgroup_limit());
}

size_t available_memory() {
  const size_t free = free_memory();
  const size_t limit = cgroup_limit();
  const size_t used = number_in("/sys/fs/cgroup/memory.current", 0);
  if (limit == SIZE_MAX) return free;
  return std::min(free, limit > used ? limit - used : 0);
}

size_t free_device_memory() {
  const auto& info = mx::device_info(mx::default_device());
  const auto bytes = info.find("free_memory");
  return bytes == info.end() ? 0 : std::get<size_t>(bytes->second) + mx::get_cache_memory();
}

bool says_out_of_memory(std::string_view text) {
  constexpr const char* signs[] = {"Unable to allocate", "out of memory",       "ALLOC_FAILED",
                                   "OutOfMemory",        "Insufficient Memory", "maximum allowed buffer size"};
  return std::ranges::any_of(signs, [=](const char* sign) { return text.find(sign) != text.npos; });
}

std::string gigabytes(size_t bytes) {
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

}  // namespace corepulse::engine
