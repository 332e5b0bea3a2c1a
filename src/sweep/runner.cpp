#include "sweep/runner.h"

#include <fmt/format.h>
#include <set>

#include "base/fail.h"

namespace corepulse::sweep {

namespace {

/** As many as a UNet call of SDXL on a large GPU is faster with. */
constexpr int kMostTogether = 8;

}  // namespace

Runner::Runner(const Sweep& sweep, const SweepOptions& options, Artist& artist)
    : options_(options),
      artist_(artist),
      ledger_(sweep, options),
      plan_(ledger_.sweep_plan()),
      rows_(plan_, options.folder),
      most_(static_cast<size_t>(options.together > 0 ? options.together : kMostTogether)) {
  if (options.together < 0)
    fail(ErrorCode::invalid_request, "together",
         fmt::format("{} cells; expected a number from 1, or 0 for as many as are fastest", options.together));
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
  for (size_t i = first; i < items_.size() && orders.size() < most_; ++i) {
    const auto& [plain, number] = items_[i];
    const auto file = options_.folder / (plain ? plain_name(number) : picture_name(number));
    orders.push_back({plain ? &plan_.plain[number] : &plan_.recipes[number], file.parent_path()});
  }
  return orders;
}

/** Of the pictures from this one on as many as go together. @return how many. */
size_t Runner::draw(size_t first) {
  auto next = orders(first);
  next.resize(artist_.together(next, options_.together == 0), next[0]);
  bool go_on = true;
  if (auto all = drawn_together(next)) {
    for (size_t i = 0; i < next.size(); ++i) go_on = keep(items_[first + i], std::move((*all)[i])) && go_on;
  } else {
    for (size_t i = 0; i < next.size() && go_on; ++i)
      go_on = keep(items_[first + i], artist_.draw(*next[i].recipe, next[i].folder));
  }
  if (!go_on) fail(ErrorCode::cancelled, "sweep", "stopped; what was drawn is kept, --resume goes on");
  return next.size();
}

/** Absent: they must be drawn one by one, so that an error is that of the one at fault. */
std::optional<std::vector<Drawn>> Runner::drawn_together(const std::vector<Order>& orders) {
  if (orders.size() == 1) return {};
  try {
    return artist_.draw_together(orders);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::cancelled) throw;
    if (error.code() == ErrorCode::out_of_memory) most_ = std::max<size_t>(1, orders.size() / 2);
    return {};
  }
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
