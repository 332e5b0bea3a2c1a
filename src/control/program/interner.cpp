#include "control/program/interner.h"

#include <cstring>
#include <string_view>

#include "base/fail.h"

namespace corepulse::control {
namespace {

constexpr size_t kMostStored = 128u << 20;  // numbers in all plans together: 512 MB

}  // namespace

Values Interner::operator()(const std::vector<double>& numbers) {
  if (numbers.empty()) return nullptr;
  std::vector<float> floats(numbers.begin(), numbers.end());
  const std::string_view bytes(reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float));
  auto& same = known_[std::hash<std::string_view>()(bytes)];
  for (const auto& values : same)
    if (values->size() == floats.size() && std::memcmp(values->data(), floats.data(), bytes.size()) == 0) return values;
  if ((stored_ += floats.size()) > kMostStored)
    fail(ErrorCode::invalid_request, "controls",
         "their shares take too much memory; use fewer soft regions, curves or pixels");
  same.push_back(std::make_shared<const std::vector<float>>(std::move(floats)));
  return same.back();
}

}  // namespace corepulse::control
