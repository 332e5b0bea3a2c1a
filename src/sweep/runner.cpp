#include "sweep/runner.h"

#include "base/fail.h"

namespace corepulse::sweep {

Runner::Runner(const Sweep& sweep, const SweepOptions& options, Artist& artist)
    : options_(options),
      artist_(artist),
      ledger_(sweep, options),
      plan_(ledger_.sweep_plan()),
      rows_(plan_, options.folder) {}

SweepForecast Runner::forecast() {
  return ledger_.forecast(artist_);
}

SweepReport Runner::run() {
  const auto expected = forecast();
  if (options_.begin) options_.begin(expected);
  ledger_.open();
  const auto& pending = ledger_.pending();
  for (size_t k = 0; k < pending.size(); ++k) draw(pending[k], k + 1);
  return ledger_.close(pending.size());
}

void Runner::draw(size_t cell, size_t done) {
  const auto number = plan_.plain_of[cell];
  const Image* bare = number ? &plain(*number) : nullptr;
  const auto drawn = artist_.draw(plan_.recipes[cell], (options_.folder / picture_name(cell)).parent_path());
  ledger_.add(rows_.row(cell, drawn, bare), [&](const auto& file) { save_image(drawn.image, file, drawn.text); });
  const SweepProgress at{cell, done, ledger_.pending().size(), drawn.seconds, plan_.cells.title(cell)};
  if (options_.progress && !options_.progress(at))
    fail(ErrorCode::cancelled, "sweep", "stopped; what was drawn is kept, --resume goes on");
}

const Image& Runner::plain(size_t number) {
  if (plain_number_ == number) return plain_image_;
  plain_number_.reset();
  const auto file = options_.folder / plain_name(number);
  if (ledger_.has_plain(number)) {
    plain_image_ = load_image(file);
  } else {
    auto drawn = artist_.draw(plan_.plain[number], file.parent_path());
    ledger_.add_plain(number, drawn.recipe, [&](const auto& path) { save_image(drawn.image, path, drawn.text); });
    plain_image_ = std::move(drawn.image);
  }
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
