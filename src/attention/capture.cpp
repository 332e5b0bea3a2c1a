#include "attention/capture.h"

#include <algorithm>

#include "mlx/transforms.h"

namespace corepulse::attention {
namespace {

using Watches = std::vector<std::pair<int, Watch>>;  // capture and what it counts

/** Values [1, T, H*D]: channel c of every head is 1 at the keys that watches[c] counts. */
mx::array indicator(const Watches& watches, control::TextId text, int keys, int channels, int head_size) {
  std::vector<float> values(static_cast<size_t>(keys) * channels);
  for (size_t c = 0; c < watches.size(); ++c) {
    const auto& positions = watches[c].second.positions;
    const auto found = positions.find(text);
    if (found == positions.end()) continue;
    for (const int key : found->second)
      for (int channel = static_cast<int>(c); channel < channels; channel += head_size)
        values[static_cast<size_t>(key) * channels + channel] = 1;
  }
  return mx::array(values.begin(), {1, keys, channels}, mx::float32);
}

/** The mean over the heads of channel c of each; empty if the layer has none of them. */
std::vector<double> mean_over_heads(const mx::array& read, int c, int heads, std::vector<int> chosen) {
  std::erase_if(chosen, [&](int head) { return head >= heads; });
  const int pixels = read.shape(1), channels = read.shape(2);
  std::vector<double> map(pixels);
  for (int i = 0; i < pixels; ++i) {
    const float* pixel = read.data<float>() + static_cast<size_t>(i) * channels + c;
    for (const int head : chosen) map[i] += pixel[head * (channels / heads)] / static_cast<double>(chosen.size());
  }
  return chosen.empty() ? std::vector<double>() : map;
}

std::vector<int> all(int heads) {
  std::vector<int> chosen(heads);
  for (int i = 0; i < heads; ++i) chosen[i] = i;
  return chosen;
}

void observe_row(const control::Site& site, int row, const Watches& watches, int channels, const Pass& pass,
                 const ReadIndicator& read) {
  const int head_size = channels / site.heads;
  auto out = mx::astype(read(row,
                             [&](control::TextId text) {
                               return indicator(watches, text, pass.texts.at(text).shape(1), channels, head_size);
                             }),
                        mx::float32);
  out = mx::contiguous(out);
  mx::eval(out);  // now: maps do not pile up until the picture is asked for
  for (size_t c = 0; c < watches.size(); ++c) {
    const auto& [capture, watch] = watches[c];
    const auto map =
        mean_over_heads(out, static_cast<int>(c), site.heads, watch.heads.empty() ? all(site.heads) : watch.heads);
    if (!map.empty()) pass.instruments.observer->record(capture, pass.step, pass.step.rows[row], site, map);
  }
}

}  // namespace

void observe(const control::Site& site, const std::vector<int>& captures, int channels, const Pass& pass,
             const ReadIndicator& read) {
  const auto head_size = static_cast<size_t>(channels / site.heads);
  for (size_t row = 0; row < pass.step.rows.size(); ++row) {
    Watches watches;
    for (size_t i = 0; i < captures.size(); ++i) {
      if (const auto watch = pass.instruments.observer->watch(captures[i], pass.step, pass.step.rows[row]))
        watches.emplace_back(captures[i], *watch);
      const bool full = watches.size() == head_size || i + 1 == captures.size();
      if (!full || watches.empty()) continue;
      observe_row(site, static_cast<int>(row), watches, channels, pass, read);
      watches.clear();
    }
  }
}

}  // namespace corepulse::attention
