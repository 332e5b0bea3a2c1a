#include "facts.h"

#include <algorithm>
#include <set>

#include "base/fail.h"
#include "io/json.h"
#include "ppm.h"

namespace corepulse::efficacy {

namespace {

Fact fact_of(const io::Json& json) {
  Fact fact{json.at("suite"), json.at("variant"), json.at("pair"), json.at("seed"), json.at("held_out")};
  fact.object = json.at("object"), fact.left = json.at("left"), fact.right = json.at("right");
  fact.from_cells = json.at("from_cells"), fact.to_cells = json.at("to_cells");
  fact.scene = json.at("scene"), fact.tint = json.at("tint"), fact.look = Look(json.at("look").get<int>());
  fact.left_cells = json.at("left_cells"), fact.right_cells = json.at("right_cells");
  fact.outside = json.at("outside"), fact.background = json.at("background");
  return fact;
}

void add_part(const std::filesystem::path& folder, const std::filesystem::path& objects, Facts& facts) {
  const auto json = io::read_json(folder / "results.json", {.bytes = size_t{256} << 20, .values = size_t{1} << 24});
  for (const auto& record : json.at("records")) facts.facts.push_back(fact_of(record));
  const auto& tiles = json.at("tiles");
  if (!tiles.empty()) {
    const auto images = load_column(folder / "pictures.ppm");
    if (images.size() != tiles.size()) fail(ErrorCode::bad_file, folder.string(), "holds other pictures than it lists");
    for (size_t i = 0; i < images.size(); ++i)
      facts.tiles.push_back({tiles[i].at("suite"), tiles[i].at("variant"), tiles[i].at("pair"), images[i]});
  }
  facts.version = json.at("version"), facts.steps = json.at("steps"), facts.seeds = json.at("seeds");
  facts.pairs = make_pairs(objects, json.at("tuning"), json.at("held_out"));
}

}  // namespace

Facts load_facts(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& objects) {
  Facts facts;
  for (const auto& folder : folders) add_part(folder, objects, facts);
  // Parts come in any order; the sheets and tables should not depend on it.
  std::stable_sort(facts.facts.begin(), facts.facts.end(), [](auto& a, auto& b) { return a.pair < b.pair; });
  std::stable_sort(facts.tiles.begin(), facts.tiles.end(), [](auto& a, auto& b) { return a.pair < b.pair; });
  return facts;
}

Query::Query(const Facts& facts, std::string suite, bool held_out) : facts_(facts) {
  for (const auto& fact : facts.facts) {
    if (fact.suite != suite || fact.held_out != held_out) continue;
    auto& group = by_variant_[fact.variant];
    if (group.empty()) order_.push_back(fact.variant);
    group.push_back(&fact);
    if (fact.variant == "plain") plain_[{fact.pair, fact.seed}] = &fact;
  }
}

std::vector<std::string> Query::variants() const {
  return order_;
}

Rate Query::rate(const std::string& variant, const Question& question, const Question& given) const {
  Rate rate;
  const auto found = by_variant_.find(variant);
  if (found == by_variant_.end()) return rate;
  for (const auto* fact : found->second) {
    const auto& pair = facts_.pairs.at(fact->pair);
    if (given && !given(*plain_.at({fact->pair, fact->seed}), pair)) continue;
    rate.hits += question(*fact, pair);
    ++rate.count;
  }
  return rate;
}

double Query::mean(const std::string& variant, double Fact::* number) const {
  double sum = 0;
  const auto& group = by_variant_.at(variant);
  for (const auto* fact : group) sum += fact->*number;
  return sum / double(group.size());
}

int Query::pairs() const {
  std::set<int> pairs;
  for (const auto& [key, fact] : plain_) pairs.insert(key.first);
  return int(pairs.size());
}

}  // namespace corepulse::efficacy
