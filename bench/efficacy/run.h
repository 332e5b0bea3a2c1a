#pragma once
// Draws every variant of every pair, lets the judge look, and keeps the facts.

#include <chrono>
#include <filesystem>
#include <set>

#include "corepulse/pipeline.h"

#include "facts.h"
#include "variants.h"

namespace corepulse::efficacy {

struct Options {
  std::filesystem::path judge, objects, out;
  int tuning = 24, held_out = 64, seeds = 2, steps = 20, batch = 32, multiple = 1, shard = 0, shards = 1;
  int pictures = 3;     ///< Of so many held-out pairs (and the first seed) pictures are kept for sheets.
  double minutes = 60;  ///< No pair is begun after that.
  bool check = false;   ///< Resolve every recipe, draw nothing.
  bool all = true;      ///< Every variant, or the few of a quick look.
  enum class Part { both, tuning, held_out } part = Part::both;
  /** Parts of a run over the tuning pairs: held-out pairs then draw its best variants and those of a quick look. */
  std::vector<std::filesystem::path> tuned;
  std::set<std::string> suites{"inject", "region",   "mask",  "places", "roles",
                               "edit",   "negative", "guide", "led",    "picture"};
};

class Runner {
 public:
  explicit Runner(const Options& options);
  /** Draws everything and writes facts.json.gz and pictures.ppm into options.out. */
  void operator()();

 private:
  struct Drawn {
    Image image;
    Answer answer;
  };
  void run(const Pair& pair);
  Suite fitting(Suite (*make)(const Pair&, bool), const Pair& pair) const;
  void run(const Suite& suite, const Pair& pair);
  std::vector<Drawn> draw(const Suite& suite, const Pair& pair, const std::vector<const Variant*>& variants,
                          const std::vector<Spot>& spots);
  /** As draw, one variant at a time. */
  std::vector<Drawn> draw_each(const Suite& suite, const Pair& pair, const std::vector<const Variant*>& variants,
                               const std::vector<Spot>& spots);
  /** What is beside the pictures: the plain one and where its object is; the one whose places are compared. */
  struct Beside {
    const Drawn& plain;
    const Box& box;
    const Answer& places;
  };
  void note(const Suite& suite, const Pair& pair, const std::string& variant, int seed, const Drawn& drawn,
            const Beside& beside);
  std::vector<Drawn> draw_shown(const Suite& suite, const Pair& pair);
  bool late() const;
  uint64_t seed_of(const Pair& pair, int k) const { return uint64_t(pair.index) * 100 + k; }

  Options options_;
  Pipeline pipeline_;
  Judge judge_;
  std::vector<Pair> pairs_;
  std::optional<Facts> tuned_;
  Facts facts_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  double seconds_drawing_ = 0;
};

}  // namespace corepulse::efficacy
