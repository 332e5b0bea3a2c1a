#include "sweep/runner.h"

#include <set>
#include <utility>

#include "base/fail.h"

namespace corepulse::sweep {

Runner::Runner(const Sweep& sweep, const SweepOptions& options, Artist& artist)
    : options_(options),
      artist_(artist),
      ledger_(sweep, options),
      plan_(ledger_.sweep_plan()),
      rows_(plan_, options.folder),
      together_(artist, options.together) {
  std::set<size_t> needed;
  for (const auto cell : ledger_.pending()) {
    if (const auto number = plan_.plain_of[cell];
        number && !ledger_.has_plain(*number) && needed.insert(*number).second)
      items_.push_back({true, *number});
    items_.push_back({false, cell});
  }
}

SweepForecast Runner::forecast() {
  return ledger_.forecast(artist_);
}

SweepReport Runner::run() {
  const auto expected = forecast();
  if (options_.begin) options_.begin(expected);
  ledger_.open();
  for (size_t first = 0; first < items_.size();) first += draw(first);
  return ledger_.close(ledger_.pending().size());
}

std::vector<Order> Runner::orders(size_t first) const {
  std::vector<Order> orders;
  for (size_t i = first; i < items_.size() && orders.size() < together_.most(); ++i) {
    const auto& [plain, number] = items_[i];
    const auto file = options_.folder / (plain ? plain_name(number) : picture_name(number));
    orders.push_back({plain ? &plan_.plain[number] : &plan_.recipes[number], file.parent_path()});
  }
  return orders;
}

/** Of the pictures from this one on as many as go together. @return how many. */
size_t Runner::draw(size_t first) {
  bool go_on = true;
  const auto count = together_.draw(
      orders(first), [&](size_t i, Drawn drawn) { return go_on = keep(items_[first + i], std::move(drawn)) && go_on; });
  if (!go_on) fail(ErrorCode::cancelled, "sweep", "stopped; what was drawn is kept, --resume goes on");
  return count;
}

/** @return false: stop. */
bool Runner::keep(const Item& item, Drawn drawn) {
  const auto save = [&](const auto& file) { save_image(drawn.image, file, drawn.text); };
  if (item.plain) {
    ledger_.add_plain(item.number, drawn.recipe, save);
    plain_image_ = std::move(drawn.image);
    plain_number_ = item.number;
    return true;
  }
  const auto number = plan_.plain_of[item.number];
  ledger_.add(rows_.row(item.number, drawn, number ? &plain(*number) : nullptr), save);
  const SweepProgress at{item.number, ++done_, ledger_.pending().size(), drawn.seconds, plan_.cells.title(item.number)};
  return !options_.progress || options_.progress(at);
}

const Image& Runner::plain(size_t number) {
  if (plain_number_ == number) return plain_image_;
  plain_number_.reset();
  plain_image_ = load_image(options_.folder / plain_name(number));
  plain_number_ = number;
  return plain_image_;
}

}  // namespace corepulse::sweep

namespace corepulse {

SweepForecast forecast(const Sweep& sweep, const SweepOptions& options) {
  sweep::PipelineArtist artist(options.device, options.stop);
  return sweep::Runner(sweep, options, artist).forecast();
}

SweepReport run_sweep(const Sweep& sweep, const SweepOptions& options) {
  sweep::PipelineArtist artist(options.device, options.stop);
  return sweep::Runner(sweep, options, artist).run();
}

}  // namespace corepulse
