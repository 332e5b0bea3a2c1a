#include "sampler/schedule/restarts.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "sampler/schedule/levels.h"

namespace corepulse::sampler {
namespace {

constexpr int kFewest = 20, kTwice = 36, kOnce = 9;  // steps; A1111's
constexpr double kRestartAt = 0.1, kRestartFrom = 2;

int place_nearest(const std::vector<double>& levels, double sigma) {
  const auto nearer = [sigma](double a, double b) { return std::abs(a - sigma) < std::abs(b - sigma); };
  return static_cast<int>(std::ranges::min_element(levels, nearer) - levels.begin());
}

/** The ways of some steps one after the other, each beginning where the one before it ended. */
void add_ways(std::vector<Way>& ways, const std::vector<double>& levels, int from, int to) {
  for (int i = from; i < to; ++i) ways.push_back({levels[i], levels[i + 1]});
}

}  // namespace

void add_restarts(Schedule& schedule, const SigmaTable& table, bool listed) {
  const int n = schedule.steps();
  if (n < kFewest) return;
  if (listed)
    fail(ErrorCode::invalid_request, "sampler",
         fmt::format("restart chooses its own levels from {} steps on, and {} are given one by one; expected fewer, a "
                     "schedule instead, or sampler heun",
                     kFewest, n));
  const int times = n < kTwice ? 1 : 2, each = n < kTwice ? kOnce : n / 4;
  auto down = karras(schedule.sigma[0], schedule.sigma[n - 1], n - times * each);
  down.front() = schedule.sigma[0];  // to the last bit
  down.push_back(0);
  const int low = place_nearest(down, kRestartAt), high = place_nearest(down, kRestartFrom);
  std::vector<Way> ways;
  add_ways(ways, down, 0, low);
  if (high < low) {
    const auto again = karras(down[high], down[low], each + 1);
    for (int k = 0; k < times; ++k) add_ways(ways, again, 0, each);
  }
  add_ways(ways, down, low, static_cast<int>(down.size()) - 1);
  const double first_t = schedule.t[0];
  schedule.t.clear(), schedule.sigma.clear();
  for (const auto& way : ways) {
    schedule.t.push_back(table.t(way.from));
    schedule.sigma.push_back(way.from);
    schedule.ends.push_back(way.to);
  }
  schedule.t[0] = first_t;
  schedule.sigma.push_back(0);
}

}  // namespace corepulse::sampler
