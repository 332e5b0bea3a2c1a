#include "sweep/workers/coordinator.h"

#include <algorithm>
#include <span>
#include <utility>

#include "corepulse/sweep_workers.h"

#include "base/fail.h"
#include "io/file.h"
#include "io/picture/image_format.h"

namespace corepulse::sweep {

namespace {

/** A file as a worker sent it, if it is a picture at all. */
Ledger::Save saved(std::string_view file, const std::string& name) {
  (void)io::read_image_text(file, name);
  return [file](const std::filesystem::path& path) { io::write_file(path, std::as_bytes(std::span(file))); };
}

}  // namespace

Coordinator::Coordinator(const Sweep& sweep, const SweepOptions& options, Artist& artist)
    : options_(options), sha256_(sweep_sha256(sweep)), ledger_(sweep, options) {
  const auto expected = ledger_.forecast(artist);
  if (options_.begin) options_.begin(expected);
  ledger_.open();
  group_cells();
}

void Coordinator::group_cells() {
  const auto& plan = ledger_.sweep_plan();
  std::map<std::pair<std::string, std::optional<size_t>>, size_t> numbers;
  for (const auto cell : ledger_.pending()) {
    const auto plain = plan.plain_of[cell];
    const auto [at, fresh] = numbers.try_emplace({model_key(plan.recipes[cell]), plain}, groups_.size());
    if (fresh) groups_.push_back({at->first.first, plain, {}, {}});
    groups_[at->second].cells.push_back(cell);
    group_of_[cell] = at->second;
  }
}

Coordinator::Group* Coordinator::group_for(const Hand& hand) {
  if (hand.group && !hand.group->cells.empty()) return hand.group;
  Group* best = nullptr;
  for (auto& group : groups_) {
    if (group.cells.empty()) continue;
    if (group.workers.empty()) return &group;  // else its plain picture would be drawn by two
    if (!best || group.cells.size() > best->cells.size()) best = &group;
  }
  return best;
}

std::vector<size_t> Coordinator::cells_for(const std::string& worker, Hand& hand, size_t most) {
  std::vector<size_t> cells;
  while (cells.size() < most) {
    auto* group = group_for(hand);
    if (!group) break;
    if (!cells.empty() && (!group->workers.empty() || group->model != hand.group->model)) break;
    if (hand.group) hand.group->workers.erase(worker);
    hand.group = group;
    group->workers.insert(worker);
    for (; cells.size() < most && !group->cells.empty(); group->cells.pop_front())
      cells.push_back(group->cells.front());
  }
  hand.cells.insert(cells.begin(), cells.end());
  return cells;
}

std::string Coordinator::next(const std::string& worker, size_t most) {
  auto& hand = hands_[worker];
  const auto cells = cells_for(worker, hand, std::max<size_t>(1, most));
  if (cells.empty()) return "";
  std::set<size_t> plain;
  for (const auto cell : cells)
    if (const auto number = ledger_.sweep_plan().plain_of[cell]) plain.insert(*number);
  std::deque<std::string> files;
  auto sent = io::Json::array();
  for (const auto number : plain) {
    if (hand.plain.count(number) || !ledger_.has_plain(number)) continue;
    files.push_back(io::read_file(options_.folder / plain_name(number), io::kMostImageFile));
    sent.push_back(number);
  }
  hand.plain = std::move(plain);
  return message_of({{"sweep", sha256_}, {"cells", cells}, {"plain", std::move(sent)}}, {files.begin(), files.end()});
}

Row Coordinator::row_in(const Message& drawn) const {
  check_sweep(drawn.head, sha256_);
  throw_failure(drawn.head);
  if (!drawn.head.contains("row") || drawn.files.empty() || drawn.files.size() > 2)
    fail(ErrorCode::bad_file, "sweep", "what a worker sent is no picture with its row");
  auto row = row_of(drawn.head["row"]);
  const auto& plan = ledger_.sweep_plan();
  if (!group_of_.count(row.cell) || row.plain != plan.plain_of[row.cell])
    fail(ErrorCode::bad_file, "sweep",
         "what a worker drew is none of this sweep's; expected workers of the same sweep");
  return row;
}

void Coordinator::take(const std::string& worker, std::string_view drawn) {
  const auto read = read_message(drawn);
  auto row = row_in(read);
  const auto cell = row.cell;
  if (read.files.size() == 2) {
    if (!read.head.contains("plain_recipe")) fail(ErrorCode::bad_file, "sweep", "a plain picture has no recipe");
    take_plain(row, read.head["plain_recipe"], read.files[1]);
  }
  // What fails leaves the cell with its worker, until that is lost.
  auto& own = hands_[worker].cells;
  if (ledger_.has(cell)) return void(own.erase(cell));
  const double seconds = row.seconds;
  ledger_.add(std::move(row), saved(read.files[0], picture_name(cell)));
  own.erase(cell);
  auto& waiting = groups_[group_of_[cell]].cells;  // it was given up, and handed back, too early
  waiting.erase(std::remove(waiting.begin(), waiting.end(), cell), waiting.end());
  const SweepProgress at{cell, ++drawn_, ledger_.pending().size(), seconds, ledger_.sweep_plan().cells.title(cell)};
  if (options_.progress && !options_.progress(at))
    fail(ErrorCode::cancelled, "sweep", "stopped; what was drawn is kept, --resume goes on");
}

void Coordinator::take_plain(const Row& row, const io::Json& recipe, std::string_view file) {
  if (!row.plain || ledger_.has_plain(*row.plain)) return;
  ledger_.add_plain(*row.plain, recipe_from_json(recipe.dump()), saved(file, plain_name(*row.plain)));
}

void Coordinator::lose(const std::string& worker) {
  const auto found = hands_.find(worker);
  if (found == hands_.end()) return;
  for (auto cell = found->second.cells.rbegin(); cell != found->second.cells.rend(); ++cell)
    if (!ledger_.has(*cell)) groups_[group_of_[*cell]].cells.push_front(*cell);
  if (found->second.group) found->second.group->workers.erase(worker);
  hands_.erase(found);
}

}  // namespace corepulse::sweep

namespace corepulse {

struct SweepCoordinator::State {
  State(const Sweep& sweep, SweepOptions given)
      : options(std::move(given)),
        artist(options.device, options.stop, /*draws=*/false),
        coordinator(sweep, options, artist) {}
  SweepOptions options;
  sweep::PipelineArtist artist;
  sweep::Coordinator coordinator;
};

SweepCoordinator::SweepCoordinator(const Sweep& sweep, SweepOptions options)
    : state_(std::make_unique<State>(sweep, std::move(options))) {}

SweepCoordinator::~SweepCoordinator() = default;

std::string SweepCoordinator::next(const std::string& worker, size_t most) {
  return state_->coordinator.next(worker, most);
}

void SweepCoordinator::take(const std::string& worker, std::string_view drawn) {
  state_->coordinator.take(worker, drawn);
}

void SweepCoordinator::lose(const std::string& worker) {
  state_->coordinator.lose(worker);
}

size_t SweepCoordinator::left() const {
  return state_->coordinator.left();
}

SweepReport SweepCoordinator::finish() const {
  return state_->coordinator.finish();
}

}  // namespace corepulse
