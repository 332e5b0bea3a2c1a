#include "pairs.h"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <set>

#include "base/fail.h"
#include "io/json.h"

namespace corepulse::efficacy {

namespace {

constexpr const char* kPlaces[] = {"in a park", "in a garden", "on the beach",     "in the desert", "in the snow",
                                   "at night",  "underwater",  "in space",         "in a city",     "in a forest",
                                   "in a room", "at sunset",   "in the mountains", "on a road"};
constexpr const char* kColors[] = {"red",    "orange", "yellow", "green", "blue",
                                   "purple", "pink",   "white",  "black", "brown"};
struct Manner {
  Look look;
  const char* words;
};
constexpr Manner kManners[] = {{Look::pixel, "pixel art of"},
                               {Look::watercolor, "a watercolor painting of"},
                               {Look::ink, "an ink drawing of"},
                               {Look::sepia, "a sepia photo of"}};
const std::set<std::string> kScenery = {"cloud",     "deciduous-tree", "evergreen-tree", "palm-tree", "tulip",
                                        "sunflower", "rose",           "hibiscus",       "cactus",    "crescent-moon"};
const std::set<std::string> kPlural = {"grapes",         "cherries",     "pancakes",   "french fries", "glasses",
                                       "sunglasses",     "books",        "headphones", "broccoli",     "corn",
                                       "crossed swords", "cheese",       "bread",      "fire",         "sushi",
                                       "santa claus",    "nesting dolls"};

struct Object {
  int number;
  std::string slug, name;
};

uint64_t fnv1a(const std::string& text) {
  uint64_t hash = 14695981039346656037u;
  for (const unsigned char c : text) hash = (hash ^ c) * 1099511628211u;
  return hash;
}

std::string with_article(const std::string& name) {
  if (kPlural.count(name)) return name;
  const bool yoo = name.rfind("uni", 0) == 0 || name.rfind("ufo", 0) == 0;
  return (!yoo && std::string("aeiou").find(name[0]) != std::string::npos ? "an " : "a ") + name;
}

std::vector<Object> objects_in_order(const std::filesystem::path& file) {
  std::vector<Object> objects;
  int number = 0;
  for (const auto& entry : io::read_json(file)) {
    const auto slug = entry.at("slug").get<std::string>();
    if (!kScenery.count(slug)) objects.push_back({number, slug, entry.at("names").at(0).get<std::string>()});
    ++number;
  }
  if (number != kObjects)
    fail(ErrorCode::bad_file, "pairs",
         fmt::format("{} holds {} objects, the judge knows {}", file.string(), number, kObjects));
  std::sort(objects.begin(), objects.end(),
            [](const Object& a, const Object& b) { return fnv1a(a.slug) < fnv1a(b.slug); });
  return objects;
}

Side side(const Object& object, int scene, int color, const Manner& manner) {
  return {object.number,  with_article(object.name),
          object.name,    scene,
          kPlaces[scene], color + 1,
          kColors[color], manner.look,
          manner.words};
}

}  // namespace

std::vector<Pair> make_pairs(const std::filesystem::path& objects_file, int tuning, int held_out) {
  const auto objects = objects_in_order(objects_file);
  const int most = int(objects.size()) / 2;
  if (tuning < 0 || held_out < 0 || tuning + held_out > most)
    fail(ErrorCode::invalid_request, "pairs",
         fmt::format("{} + {} pairs; there are {} in all", tuning, held_out, most));
  std::vector<Pair> pairs;
  for (int i = 0; i < tuning + held_out; ++i) {
    const int scenes = std::size(kPlaces), colors = std::size(kColors);
    pairs.push_back({i, i >= tuning, side(objects[2 * i], i % scenes, i % colors, {Look::plain, ""}),
                     side(objects[2 * i + 1], (i + 5) % scenes, (i + 3) % colors, kManners[i % 4])});
  }
  return pairs;
}

}  // namespace corepulse::efficacy
