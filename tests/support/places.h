#pragma once
// Where the tests' files lie. Defined in one object, so that all others are the same in every checkout and a compiler
// cache serves them all.

#include <string>

namespace corepulse::test {

/** tests/golden. */
std::string golden_folder();
/** models/, where the built-in model is. */
std::string model_folder();

}  // namespace corepulse::test
