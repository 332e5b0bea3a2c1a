// What a plan says, in the words of the rule.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "control/readings/blur.h"
#include "reads.h"

namespace corepulse::control::test {
namespace {

double sigma_of(const Blur& blur, const Grid& g) {
  const auto is = [&](const BlurMatrices& m) {
    const auto same = [](const Values& a, const std::vector<double>& b) {
      return std::equal(a->begin(), a->end(), b.begin(), b.end(),
                        [](float x, double y) { return x == static_cast<float>(y); });
    };
    return blur.down_rows == m.down_rows && blur.across_rows == m.across_rows && same(blur.down, m.down) &&
           same(blur.across, m.across);
  };
  return is(mean_blur(g)) ? INFINITY : is(gaussian_blur(g, kBlurSigma)) ? kBlurSigma : NAN;
}

}  // namespace

std::vector<Pixel> planned_row(const Program& program, const ProgramInputs& inputs, const Site& site,
                               const AttentionPlan& plan, size_t row) {
  auto readings = plan.rows[row];
  const auto own_grid = grid(site, inputs.latent_height, inputs.latent_width);
  const int pixels = own_grid.tokens();
  const auto& texts = program.texts();
  const auto name = [&](TextId id, int position) {
    while (!texts[id].picks.empty()) {
      const auto pick = texts[id].picks[position];
      id = pick.text, position = pick.position;
    }
    return key(texts[id].prompt, position);
  };
  std::vector<Read> reads;
  const auto keys = [&](const std::vector<Source>& sources) {
    std::vector<int> all;
    for (const auto& source : sources)
      for (int i = 0; i < (site.cross ? 77 : pixels); ++i)
        all.push_back(source.kind == Source::Kind::text  ? name(source.id, i)
                      : source.kind == Source::Kind::own ? key("own", i)
                                                         : key(fmt::format("image {}", source.id), i));
    return all;
  };
  std::vector<Finish> finishes;
  if (!plan.finishes.empty()) finishes = plan.finishes[row];
  for (const auto& finish : finishes) {
    readings.push_back(finish.against.at(0));
    readings.back().share = finish.share, readings.back().share_pixels = static_cast<int>(finish.share->size());
  }
  const size_t proper = readings.size() - finishes.size();
  for (const auto& reading : readings) {
    Read read{.keys = keys(reading.sources)};
    const auto numbers = [&](const Values& values, double normal) {
      if (!values) return List(std::vector<double>(read.keys.size(), normal));
      return List(std::vector<double>(values->begin(), values->end()));
    };
    read.weight = numbers(reading.bias, 0);
    for (auto& w : read.weight) w = std::exp(w);
    read.key_gain = numbers(reading.key_gain, 1), read.value_gain = numbers(reading.value_gain, 1);
    read.temperature = reading.temperature;
    if (reading.query && reading.query->kind == Source::Kind::image) read.query = reading.query->id;
    if (reading.blur) read.blur = sigma_of(*reading.blur, own_grid);
    if (reading.values != reading.sources) read.values = keys(reading.values);
    if (reading.map) read.map = std::vector<double>(reading.map->begin(), reading.map->end());
    read.identity = reading.identity, read.added = reading.added;
    if (reads.size() >= proper) {
      const auto& finish = finishes[reads.size() - proper];
      read.scale = finish.scale, read.limit = finish.limit;
    }
    reads.push_back(read);
  }
  std::vector<Pixel> all;
  for (int h = 0; h < site.heads; ++h)
    for (int p = 0; p < pixels; ++p) {
      Pixel pixel;
      for (size_t i = 0; i < reads.size(); ++i) {
        const auto& r = readings[i];
        const double share =
            r.share ? (*r.share)[(r.share_heads > 1 ? h : 0) * r.share_pixels + (r.share_pixels > 1 ? p : 0)] : 1;
        if (share == 0 || (i >= proper && reads[i].scale == 0)) continue;
        pixel.push_back(reads[i]);
        pixel.back().share = share;
        if (i >= proper)
          pixel.back().finish =
              1 + static_cast<int>(std::count_if(pixel.begin(), pixel.end(), [](auto& read) { return read.finish; }));
      }
      all.push_back(pixel);
    }
  return all;
}

namespace {

constexpr double kTiny = 1e-9;

bool near(double a, double b) {
  return a == b || std::abs(a - b) <= 1e-5 * std::max({1.0, std::abs(a), std::abs(b)});
}
bool near(const List<double>& a, const List<double>& b, double a_unit = 1, double b_unit = 1) {
  return a.is(b) || std::equal(a.begin(), a.end(), b.begin(), b.end(),
                               [&](double x, double y) { return near(x / a_unit, y / b_unit); });
}

// Weights mean the same times any number.
bool near_weights(const List<double>& a, const List<double>& b) {
  return a.is(b) || near(a, b, *std::max_element(a.begin(), a.end()), *std::max_element(b.begin(), b.end()));
}

// Keys that weigh nothing say nothing.
bool same_map(const Read& a, const Read& b) {
  if (a.map.is(b.map)) return true;
  if (a.map.size() != b.map.size()) return false;
  const size_t columns = a.map.empty() ? 1 : a.map.size() / a.keys.size();
  for (size_t i = 0; i < a.map.size(); ++i)
    if (a.weight[i / columns] != 0 && !near(a.map[i], b.map[i])) return false;
  return true;
}

bool same_reading(const Read& a, const Read& b) {
  if (a.query != b.query || a.blur != b.blur || a.values != b.values || a.identity != b.identity ||
      a.added != b.added || a.finish != b.finish || !near(a.scale, b.scale) || !near(a.limit, b.limit) ||
      !same_map(a, b))
    return false;
  return a.keys == b.keys && near(a.temperature, b.temperature) && near_weights(a.weight, b.weight) &&
         near(a.key_gain, b.key_gain) && near(a.value_gain, b.value_gain);
}

Pixel merged(const Pixel& pixel) {
  Pixel out;
  for (const auto& read : pixel) {
    if (read.share < kTiny) continue;
    const auto same = std::find_if(out.begin(), out.end(), [&](const Read& r) { return same_reading(r, read); });
    if (same == out.end())
      out.push_back(read);
    else
      same->share += read.share;
  }
  return out;
}

}  // namespace

std::string difference(const std::vector<Pixel>& a, const std::vector<Pixel>& b) {
  if (a.size() != b.size()) return "sizes differ";
  for (size_t i = 0; i < a.size(); ++i) {
    const auto x = merged(a[i]), y = merged(b[i]);
    for (const auto& read : x) {
      const auto same = std::find_if(y.begin(), y.end(), [&](const Read& r) { return same_reading(r, read); });
      const double share = same == y.end() ? 0 : same->share;
      if (std::abs(share - read.share) > 1e-5)
        return fmt::format("at {}: {} has share {}, not {}", i, key_name(read.keys[1]), share, read.share);
    }
    if (x.size() != y.size()) return fmt::format("at {}: {} readings, not {}", i, y.size(), x.size());
  }
  return "";
}

}  // namespace corepulse::control::test
