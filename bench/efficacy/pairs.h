#pragma once
// The prompts of the measurement, by rule: pairs of objects, scenes, colours and looks. No object is in two pairs.

#include <filesystem>
#include <string>
#include <vector>

#include "judge.h"

namespace corepulse::efficacy {

/** Two pictures that differ in everything: object, scene, colour, look. `from` is what is drawn, `to` what is wished.
 */
struct Side {
  int object = 0;     ///< Judge's class.
  std::string name;   ///< "a cat": with its article.
  std::string bare;   ///< "cat".
  int scene = 0;      ///< Judge's number.
  std::string place;  ///< "in a park".
  int tint = 0;       ///< Judge's number, 1..10.
  std::string color;  ///< "red".
  Look look = Look::plain;
  std::string manner;  ///< "pixel art of"; "" for a plain picture.
};

struct Pair {
  int index = 0;
  bool held_out = false;
  Side from, to;
};

/**
 * Pairs from the objects of models/sprites/objects.json, in an order that does not depend on their kind (a hash of
 * their names): first `tuning` pairs, then `held_out` ones. What grows or stands in the scenes (trees, flowers, clouds)
 * is left out, so that the judge's objects are the prompt's. At most 136 pairs. @throws Error not_found, bad_file,
 * invalid_request.
 */
std::vector<Pair> make_pairs(const std::filesystem::path& objects, int tuning, int held_out);

}  // namespace corepulse::efficacy
