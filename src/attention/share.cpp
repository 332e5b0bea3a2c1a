#include "attention/share.h"

#include <algorithm>
#include <optional>

namespace corepulse::attention {

using control::Reading;

bool is_partition(const std::vector<Reading>& readings) {
  return std::all_of(readings.begin(), readings.end(), [](const Reading& reading) {
    return reading.function < 0 && !reading.identity && !reading.blur && !reading.added && reading.share &&
           reading.share_heads == 1 && reading.share_pixels > 1 &&
           std::all_of(reading.share->begin(), reading.share->end(), [](float s) { return s == 0 || s == 1; });
  });
}

mx::array blend(const std::vector<Reading>& readings, int heads, RunCache& cache, const Reader& reader) {
  if (readings.size() == 1) return reader.read(reader.queries(readings[0]), readings[0]);
  // Shares of 0 and 1 part the pixels: each is computed once, by the one reading that owns it.
  if (is_partition(readings)) return read_partition(readings, reader);
  // Blending before to_out equals blending after it: to_out is affine and the shares sum to one.
  std::optional<mx::array> sum;
  for (const auto& reading : readings) {
    const auto part = times_share(reader.read(reader.queries(reading), reading), reading, heads, cache);
    sum = sum ? *sum + part : part;
  }
  return *sum;
}

mx::array read_partition(const std::vector<Reading>& readings, const Reader& reader) {
  const int pixels = readings[0].share_pixels;
  std::vector<int> place(pixels);  // where each pixel's result stands among the parts
  std::vector<mx::array> parts;
  int next = 0;
  for (const auto& reading : readings) {
    std::vector<int> own;
    for (int i = 0; i < pixels; ++i)
      if ((*reading.share)[i] == 1) own.push_back(i), place[i] = next++;
    if (own.empty()) continue;
    const mx::array chosen(own.begin(), {static_cast<int>(own.size())});
    parts.push_back(reader.read(mx::take(reader.queries(reading), chosen, 1), reading));
  }
  return mx::take(mx::concatenate(parts, 1), mx::array(place.begin(), {pixels}), 1);
}

mx::array times_share(const mx::array& part, const Reading& reading, int heads, RunCache& cache) {
  if (!reading.share) return part;
  const auto share = mx::reshape(cache.upload(reading.share), {1, reading.share_heads, reading.share_pixels, 1});
  auto s = mx::transpose(mx::astype(share, part.dtype()), {0, 2, 1, 3});     // [1, N|1, H|1, 1]
  if (reading.share_heads > 1) s = mx::repeat(s, part.shape(2) / heads, 3);  // one number per channel of the head
  return part * mx::reshape(s, {1, reading.share_pixels, -1});
}

}  // namespace corepulse::attention
