#include "facts.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "gz.h"
#include "io/json.h"
#include "ppm.h"

namespace corepulse::efficacy {

namespace {

constexpr int kSide = 128;  // of a kept picture
constexpr size_t kMostText = size_t{256} << 20;

Fact fact_of(const io::Json& json) {
  Fact fact{json.at("suite"), json.at("variant"), json.at("pair"), json.at("seed"), json.at("held_out")};
  fact.object = json.at("object"), fact.left = json.at("left"), fact.right = json.at("right");
  fact.from_cells = json.at("from_cells"), fact.to_cells = json.at("to_cells");
  fact.scene = json.at("scene"), fact.tint = json.at("tint"), fact.look = Look(json.at("look").get<int>());
  fact.left_cells = json.at("left_cells"), fact.right_cells = json.at("right_cells");
  fact.overlap = json.value("overlap", 1.0);
  fact.outside = json.at("outside"), fact.background = json.at("background");
  return fact;
}

/** Four digits: more is noise, and does not compress. */
double rounded(double value) {
  return std::round(value * 1e4) / 1e4;
}

io::Json json_of(const Fact& fact) {
  return {{"suite", fact.suite},
          {"variant", fact.variant},
          {"pair", fact.pair},
          {"held_out", fact.held_out},
          {"seed", fact.seed},
          {"object", fact.object},
          {"left", fact.left},
          {"right", fact.right},
          {"left_cells", fact.left_cells},
          {"right_cells", fact.right_cells},
          {"from_cells", fact.from_cells},
          {"to_cells", fact.to_cells},
          {"scene", fact.scene},
          {"look", int(fact.look)},
          {"tint", fact.tint},
          {"overlap", rounded(fact.overlap)},
          {"outside", rounded(fact.outside)},
          {"background", rounded(fact.background)}};
}

std::vector<Image> load_pictures(const std::filesystem::path& folder, size_t count) {
  const auto small = folder / "pictures.webp", plain = folder / "pictures.ppm";
  const bool webp = std::filesystem::exists(small);
  return parted(webp ? load_image(small) : load_ppm(plain), kSide, count, webp ? small : plain);
}

void add_part(const std::filesystem::path& folder, const std::filesystem::path& objects, Pictures pictures,
              Facts& facts) {
  const auto file = folder / "facts.json.gz";
  const auto json = io::parse_json(read_gz(file, kMostText), file.string(), {.bytes = kMostText, .values = 1u << 24});
  for (const auto& record : json.at("records")) facts.facts.push_back(fact_of(record));
  const auto& tiles = json.at("tiles");
  std::vector<Image> images(tiles.size());
  if (pictures == Pictures::load && !tiles.empty()) images = load_pictures(folder, tiles.size());
  for (size_t i = 0; i < images.size(); ++i)
    facts.tiles.push_back({tiles[i].at("suite"), tiles[i].at("variant"), tiles[i].at("pair"), std::move(images[i])});
  facts.version = json.at("version"), facts.device = json.value("device", "");
  facts.steps = json.at("steps"), facts.seeds = json.at("seeds");
  facts.tuning = json.at("tuning"), facts.held_out = json.at("held_out");
  facts.pairs = make_pairs(objects, facts.tuning, facts.held_out);
}

}  // namespace

Facts load_facts(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& objects,
                 Pictures pictures) {
  Facts facts;
  for (const auto& folder : folders) add_part(folder, objects, pictures, facts);
  // Parts come in any order; the sheets and tables should not depend on it.
  std::stable_sort(facts.facts.begin(), facts.facts.end(), [](auto& a, auto& b) { return a.pair < b.pair; });
  std::stable_sort(facts.tiles.begin(), facts.tiles.end(), [](auto& a, auto& b) { return a.pair < b.pair; });
  return facts;
}

void save_facts(const Facts& facts, const std::filesystem::path& folder, Kept kept) {
  std::filesystem::create_directories(folder);
  io::Json json{{"device", facts.device},       {"version", facts.version},  {"steps", facts.steps},
                {"seeds", facts.seeds},         {"tuning", facts.tuning},    {"held_out", facts.held_out},
                {"records", io::Json::array()}, {"tiles", io::Json::array()}};
  for (const auto& fact : facts.facts) json["records"].push_back(json_of(fact));
  std::vector<Image> images;
  for (const auto& tile : facts.tiles) {
    json["tiles"].push_back({{"suite", tile.suite}, {"variant", tile.variant}, {"pair", tile.pair}});
    images.push_back(tile.image);
  }
  write_gz(folder / "facts.json.gz", json.dump());
  if (images.empty()) return;
  if (kept == Kept::ppm)
    save_ppm(gathered(images), folder / "pictures.ppm");
  else
    save_image(gathered(images), folder / "pictures.webp");
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
