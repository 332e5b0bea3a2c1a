#include "attention/share.h"

#include <algorithm>
#include <optional>

namespace corepulse::attention {

using control::Reading;

bool is_partition(const std::vector<Reading>& readings) {
  return std::all_of(readings.begin(), readings.end(), [](const Reading& reading) {
    return reading.function < 0 && reading.share && reading.share_heads == 1 && reading.share_pixels > 1 &&
           std::all_of(reading.share->begin(), reading.share->end(), [](float s) { return s == 0 || s == 1; });
  });
}

mx::array blend(const mx::array& q, const std::vector<Reading>& readings, int heads, RunCache& cache,
                const ReadFunction& read) {
  if (readings.size() == 1) return read(q, readings[0]);
  // Shares of 0 and 1 part the pixels: each is computed once, by the one reading that owns it.
  if (is_partition(readings)) return read_partition(q, readings, read);
  // Blending before to_out equals blending after it: to_out is affine and the shares sum to one.
  std::optional<mx::array> sum;
  for (const auto& reading : readings) {
    const auto part = read(q, reading) * share_of(reading, q, heads, cache);
    sum = sum ? *sum + part : part;
  }
  return *sum;
}

mx::array read_partition(const mx::array& q, const std::vector<Reading>& readings, const ReadFunction& read) {
  const int pixels = q.shape(1);
  std::vector<int> place(pixels);  // where each pixel's result stands among the parts
  std::vector<mx::array> parts;
  int next = 0;
  for (const auto& reading : readings) {
    std::vector<int> own;
    for (int i = 0; i < pixels; ++i)
      if ((*reading.share)[i] == 1) own.push_back(i), place[i] = next++;
    if (own.empty()) continue;
    parts.push_back(read(mx::take(q, mx::array(own.begin(), {static_cast<int>(own.size())}), 1), reading));
  }
  return mx::take(mx::concatenate(parts, 1), mx::array(place.begin(), {pixels}), 1);
}

mx::array share_of(const Reading& reading, const mx::array& q, int heads, RunCache& cache) {
  if (!reading.share) return like(1, q);
  const auto share = mx::reshape(cache.upload(reading.share), {1, reading.share_heads, reading.share_pixels, 1});
  auto s = mx::transpose(mx::astype(share, q.dtype()), {0, 2, 1, 3});     // [1, N|1, H|1, 1]
  if (reading.share_heads > 1) s = mx::repeat(s, q.shape(2) / heads, 3);  // one number per channel of the head
  return mx::reshape(s, {1, reading.share_pixels, -1});
}

}  // namespace corepulse::attention
