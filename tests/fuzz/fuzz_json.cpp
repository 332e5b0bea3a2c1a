// What parse_json accepts is within its limits and means the same when written and read again.
#include "fuzz.h"
#include "io/json.h"

namespace {

int depth_of(const corepulse::io::Json& json) {
  int most = 0;
  if (json.is_structured())
    for (const auto& value : json) most = std::max(most, depth_of(value));
  return most + json.is_structured();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corepulse;
  const io::JsonLimits limits{.bytes = 4096, .depth = 5, .values = 100};
  fuzz::accepts({ErrorCode::invalid_request}, [&] {
    const auto json = io::parse_json(fuzz::text(data, size), "text", limits, ErrorCode::invalid_request);
    fuzz::require(size <= limits.bytes && depth_of(json) <= limits.depth);
    fuzz::require(io::parse_json(json.dump(), "again") == json);
  });
  return 0;
}
