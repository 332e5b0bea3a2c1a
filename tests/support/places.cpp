#include "support/places.h"

namespace corepulse::test {

std::string golden_folder() {
  return COREPULSE_TEST_DATA;
}
std::string model_folder() {
  return COREPULSE_MODELS;
}

}  // namespace corepulse::test
