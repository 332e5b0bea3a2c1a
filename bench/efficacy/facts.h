#pragma once
// The facts of a run, read again, and the questions a report asks of them.

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "corepulse/image.h"

#include "pairs.h"

namespace corepulse::efficacy {

/** One picture of a run: what the judge saw. Objects are classes, -1: none. */
struct Fact {
  std::string suite, variant;
  int pair = 0, seed = 0;
  bool held_out = false;
  int object = -1, left = -1, right = -1;
  int from_cells = 0, to_cells = 0;     ///< Anywhere.
  int left_cells = 0, right_cells = 0;  ///< Of `from` in the left half, of `to` in the right.
  int scene = 0, tint = -1;
  Look look = Look::plain;
  double outside = 1;     ///< Similarity to the plain picture outside the box around its object.
  double overlap = 1;     ///< Of the cells that show an object here or in the plain picture (the shown one, where the
                          ///< suite has one), those that do in both.
  double background = 1;  ///< Likewise outside all cells that show an object in either picture.
};

/** A kept picture. */
struct Tile {
  std::string suite, variant;
  int pair = 0;
  Image image;
};

struct Facts {
  std::vector<Fact> facts;
  std::vector<Tile> tiles;
  std::vector<Pair> pairs;
  std::string version, device;  ///< Of the program that drew; what it drew on, as `keep` was told.
  int steps = 0, seeds = 0, tuning = 0, held_out = 0;
};

/** With the kept pictures, or with their names alone, which is what tables need. */
enum class Pictures { load, leave };

/** Joins the parts of a run. @throws Error not_found, bad_file. */
Facts load_facts(const std::vector<std::filesystem::path>& folders, const std::filesystem::path& objects,
                 Pictures pictures);

/** Where the kept pictures go: needs no picture library, or is small. */
enum class Kept { ppm, webp };

/** Writes facts.json.gz and pictures.ppm or .webp. @throws Error io. */
void save_facts(const Facts& facts, const std::filesystem::path& folder, Kept kept);

/** How often something holds, of how many. */
struct Rate {
  int hits = 0, count = 0;
  double value() const { return count ? double(hits) / count : 0; }
};

using Question = std::function<bool(const Fact&, const Pair&)>;

/** Over the pictures of a variant; `given` leaves out those whose plain picture of the same seed does not fulfil it. */
class Query {
 public:
  Query(const Facts& facts, std::string suite, bool held_out);
  std::vector<std::string> variants() const;  ///< In the order in which they were drawn.
  Rate rate(const std::string& variant, const Question& question, const Question& given = {}) const;
  double mean(const std::string& variant, double Fact::* number) const;
  int pairs() const;
  bool has(const std::string& variant) const { return by_variant_.count(variant) > 0; }

 private:
  const Facts& facts_;
  std::vector<std::string> order_;
  std::map<std::string, std::vector<const Fact*>> by_variant_;
  std::map<std::pair<int, int>, const Fact*> plain_;  // by pair and seed
};

}  // namespace corepulse::efficacy
