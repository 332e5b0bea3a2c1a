#pragma once
// Functions of libraries that are not linked.

#include <dlfcn.h>

namespace corepulse::kernels {

/** Points `function` to the one of that name; null, which is false, if the library (or null) has none. */
template <class Function>
bool find_symbol(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(library ? dlsym(library, name) : nullptr);
  return function != nullptr;
}

}  // namespace corepulse::kernels
