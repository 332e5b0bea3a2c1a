#include "engine/machine.h"

#include <fmt/format.h>
#include <fstream>
#include <sys/utsname.h>

#ifdef __APPLE__
#include <sys/sysctl.h>
#endif

namespace corepulse::engine {

std::string system_name() {
  utsname names{};
  if (uname(&names) != 0) return {};
  return fmt::format("{} {} {}", names.sysname, names.release, names.machine);
}

#ifdef __APPLE__
std::string processor_name() {
  char brand[256] = {};
  size_t size = sizeof(brand) - 1;
  return sysctlbyname("machdep.cpu.brand_string", brand, &size, nullptr, 0) == 0 ? brand : "";
}
#else
std::string processor_name() {
  // On Arm the kernel knows numbers only, and boards their own name.
  for (const char* key : {"model name", "Model"}) {
    std::ifstream in("/proc/cpuinfo");
    for (std::string line; std::getline(in, line);)
      if (const auto colon = line.find(": "); colon != line.npos && line.starts_with(key))
        return line.substr(colon + 2);
  }
  return {};
}
#endif

}  // namespace corepulse::engine
