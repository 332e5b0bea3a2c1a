#include "sweep/workers/worker.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "corepulse/sweep_workers.h"

#include "base/fail.h"
#include "io/picture/image_format.h"
#include "sweep/workers/message.h"

namespace corepulse::sweep {

Worker::Worker(const Sweep& sweep, std::filesystem::path folder, Artist& artist)
    : folder_(std::move(folder)), sha256_(sweep_sha256(sweep)), artist_(artist), plan_(sweep), rows_(plan_, folder_) {}

std::vector<std::string> Worker::draw(std::string_view job) {
  const auto read = read_message(job);
  check_sweep(read.head, sha256_);
  const auto cells = read.head.find("cells");
  if (cells == read.head.end() || !cells->is_array() || cells->empty())
    fail(ErrorCode::bad_file, "sweep", "a job names no cells");
  std::optional<Plain> own;
  std::vector<std::string> drawn;
  for (const auto& each : *cells) {
    if (!each.is_number_unsigned() || each.get<uint64_t>() >= plan_.recipes.size())
      fail(ErrorCode::bad_file, "sweep", "a job names a cell that the sweep has not; expected the coordinator's sweep");
    const auto cell = each.get<size_t>();
    if (const auto number = plan_.plain_of[cell])
      own = take_plain(*number, read.files.empty() ? std::string_view() : read.files[0]);
    drawn.push_back(draw_cell(cell, std::exchange(own, {})));
  }
  return drawn;
}

std::optional<Worker::Plain> Worker::take_plain(size_t number, std::string_view file) {
  if (plain_number_ == number) return {};
  plain_number_.reset();
  std::optional<Plain> own;
  if (!file.empty()) {
    plain_image_ = io::decode_png(file, plain_name(number));
  } else {
    auto drawn = artist_.draw(plan_.plain[number], (folder_ / plain_name(number)).parent_path());
    own = Plain{io::encode_png(drawn.image, drawn.text), to_json(drawn.recipe, -1)};
    plain_image_ = std::move(drawn.image);
  }
  plain_number_ = number;
  return own;
}

std::string Worker::draw_cell(size_t cell, const std::optional<Plain>& plain) {
  const auto drawn = artist_.draw(plan_.recipes[cell], (folder_ / picture_name(cell)).parent_path());
  const auto row = rows_.row(cell, drawn, plan_.plain_of[cell] ? &plain_image_ : nullptr);
  io::Json head{{"sweep", sha256_}, {"row", to_entry(row)}};
  const auto file = io::encode_png(drawn.image, drawn.text);
  if (!plain) return message_of(std::move(head), {file});
  head["plain_recipe"] = io::parse_json(plain->recipe, "recipe");
  return message_of(std::move(head), {file, plain->file});
}

}  // namespace corepulse::sweep

namespace corepulse {

struct SweepWorker::State {
  State(const Sweep& sweep, SweepOptions options)
      : artist(options.device, options.stop), worker(sweep, std::move(options.folder), artist) {}
  sweep::PipelineArtist artist;
  sweep::Worker worker;
};

SweepWorker::SweepWorker(const Sweep& sweep, SweepOptions options)
    : state_(std::make_unique<State>(sweep, std::move(options))) {}

SweepWorker::~SweepWorker() = default;

std::vector<std::string> SweepWorker::draw(std::string_view job) {
  return state_->worker.draw(job);
}

}  // namespace corepulse
