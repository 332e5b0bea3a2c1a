#include "sweep/workers/worker.h"

#include <set>
#include <utility>

#include "corepulse/sweep_workers.h"

#include "base/fail.h"
#include "io/picture/image_format.h"

namespace corepulse::sweep {

Worker::Worker(const Sweep& sweep, std::filesystem::path folder, Artist& artist, int together)
    : folder_(std::move(folder)),
      sha256_(sweep_sha256(sweep)),
      artist_(artist),
      plan_(sweep),
      rows_(plan_, folder_),
      together_(artist, together),
      fastest_(together == 0) {}

size_t Worker::at_once() {
  return fastest_ && !artist_.shares_calls(plan_.recipes[0]) ? 1 : together_.most();
}

std::vector<std::string> Worker::draw(std::string_view job) {
  const auto read = read_message(job);
  check_sweep(read.head, sha256_);
  const auto cells = cells_of(read);
  take_plain(read, cells);
  const auto items = items_of(cells);
  std::vector<Order> orders;
  for (const auto& [plain, number] : items) {
    const auto file = folder_ / (plain ? plain_name(number) : picture_name(number));
    orders.push_back({plain ? &plan_.plain[number] : &plan_.recipes[number], file.parent_path()});
  }
  std::vector<std::string> messages;
  size_t first = 0;
  const auto keep = [&](size_t i, Drawn drawn) {
    const auto& [plain, number] = items[first + i];
    if (plain)
      keep_plain(number, std::move(drawn));
    else
      messages.push_back(message_with(number, drawn));
    return true;
  };
  try {
    while (first < items.size()) first += together_.draw({orders.begin() + std::ptrdiff_t(first), orders.end()}, keep);
  } catch (const Error& error) {
    if (messages.empty()) throw;
    messages.push_back(message_of_failure(sha256_, error));  // behind what was drawn, which counts
  }
  return messages;
}

std::vector<size_t> Worker::cells_of(const Message& job) const {
  const auto named = job.head.find("cells");
  if (named == job.head.end() || !named->is_array() || named->empty())
    fail(ErrorCode::bad_file, "sweep", "a job names no cells");
  std::vector<size_t> cells;
  for (const auto& each : *named) {
    if (!each.is_number_unsigned() || each.get<uint64_t>() >= plan_.recipes.size())
      fail(ErrorCode::bad_file, "sweep", "a job names a cell that the sweep has not; expected the coordinator's sweep");
    cells.push_back(each.get<size_t>());
  }
  return cells;
}

void Worker::take_plain(const Message& job, const std::vector<size_t>& cells) {
  std::map<size_t, Image> needed;
  for (const auto cell : cells)
    if (const auto number = plan_.plain_of[cell])
      if (auto held = plain_.extract(*number)) needed.insert(std::move(held));
  plain_ = std::move(needed);
  own_.clear();
  const auto sent = job.head.find("plain");
  if (sent == job.head.end() || !sent->is_array() || sent->size() != job.files.size())
    fail(ErrorCode::bad_file, "sweep", "a job does not say which plain pictures it brings");
  for (size_t i = 0; i < job.files.size(); ++i) {
    const auto& number = (*sent)[i];
    if (!number.is_number_unsigned() || number.get<uint64_t>() >= plan_.plain.size())
      fail(ErrorCode::bad_file, "sweep", "a job brings a plain picture that the sweep has not");
    plain_[number.get<size_t>()] = io::decode_png(job.files[i], plain_name(number.get<size_t>()));
  }
}

std::vector<Worker::Item> Worker::items_of(const std::vector<size_t>& cells) const {
  std::vector<Item> items;
  std::set<size_t> due;
  for (const auto cell : cells) {
    if (const auto number = plan_.plain_of[cell]; number && !plain_.count(*number) && due.insert(*number).second)
      items.push_back({true, *number});
    items.push_back({false, cell});
  }
  return items;
}

void Worker::keep_plain(size_t number, Drawn drawn) {
  own_[number] = {io::encode_png(drawn.image, drawn.text), to_json(drawn.recipe, -1)};
  plain_[number] = std::move(drawn.image);
}

std::string Worker::message_with(size_t cell, const Drawn& drawn) {
  const auto number = plan_.plain_of[cell];
  const auto row = rows_.row(cell, drawn, number ? &plain_.at(*number) : nullptr);
  io::Json head{{"sweep", sha256_}, {"row", to_entry(row)}};
  const auto file = io::encode_png(drawn.image, drawn.text);
  const auto own = number ? own_.extract(*number) : decltype(own_)::node_type();
  if (!own) return message_of(std::move(head), {file});
  head["plain_recipe"] = io::parse_json(own.mapped().recipe, "recipe");
  return message_of(std::move(head), {file, own.mapped().file});
}

}  // namespace corepulse::sweep

namespace corepulse {

struct SweepWorker::State {
  State(const Sweep& sweep, SweepOptions options)
      : artist(options.device, options.stop), worker(sweep, std::move(options.folder), artist, options.together) {}
  sweep::PipelineArtist artist;
  sweep::Worker worker;
};

SweepWorker::SweepWorker(const Sweep& sweep, SweepOptions options)
    : state_(std::make_unique<State>(sweep, std::move(options))) {}

SweepWorker::~SweepWorker() = default;

size_t SweepWorker::at_once() {
  return state_->worker.at_once();
}

std::vector<std::string> SweepWorker::draw(std::string_view job) {
  return state_->worker.draw(job);
}

}  // namespace corepulse
