#include "run.h"

#include <algorithm>
#include <fmt/format.h>

#include "choose.h"
#include "io/base64.h"
#include "io/picture/image_format.h"
#include "ppm.h"

namespace corepulse::efficacy {

namespace {

constexpr Box kUsualBox{3, 3, 13, 14};  // where the judge saw nothing
constexpr size_t kBest = 4;             // variants that the tuning pairs send on
constexpr int kTooLarge = kCells * kCells * 3 / 4;
constexpr uint64_t kShownSeeds = 50;  // of a hundred that a pair has

/** Pairs of both kinds by turns, so that a run that is cut short has some of each. */
std::vector<Pair> by_turns(std::vector<Pair> pairs, int tuning) {
  const int held_out = int(pairs.size()) - tuning;
  const auto turn = [&](const Pair& p) {
    return p.held_out ? (p.index - tuning + 0.5) / std::max(held_out, 1) : (p.index + 0.5) / std::max(tuning, 1);
  };
  std::stable_sort(pairs.begin(), pairs.end(), [&](const Pair& a, const Pair& b) { return turn(a) < turn(b); });
  return pairs;
}

}  // namespace

Runner::Runner(const Options& options)
    : options_(options),
      pipeline_(Pipeline::load({.model = "builtin"}, {.lazy = options.check})),
      judge_(options.judge),
      pairs_(by_turns(make_pairs(options.objects, options.tuning, options.held_out), options.tuning)) {
  if (options.part != Options::Part::both)
    std::erase_if(pairs_, [&](const Pair& p) { return p.held_out != (options.part == Options::Part::held_out); });
  if (!options.tuned.empty()) tuned_ = load_facts(options.tuned, options.objects, Pictures::leave);
  facts_.version = version(), facts_.steps = options.steps, facts_.seeds = options.seeds;
  facts_.tuning = options.tuning, facts_.held_out = options.held_out;
}

bool Runner::late() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count() > options_.minutes * 60;
}

void Runner::operator()() {
  std::filesystem::create_directories(options_.out);
  int done = 0;
  for (size_t i = 0; i < pairs_.size() && !late(); ++i) {
    if (int(i) % options_.shards != options_.shard) continue;
    run(pairs_[i]);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    fmt::print(stderr, "{} pairs, {} pictures, {:.0f} s, {:.0f} ms of it drawing per picture\n", ++done,
               facts_.facts.size(), seconds,
               1000 * seconds_drawing_ / double(std::max<size_t>(facts_.facts.size(), 1)));
    if (done % 8 == 0) save_facts(facts_, options_.out, Kept::ppm);
  }
  save_facts(facts_, options_.out, Kept::ppm);
}

Suite Runner::fitting(Suite (*make)(const Pair&, bool), const Pair& pair) const {
  auto suite = make(pair, options_.all);
  if (!tuned_ || !pair.held_out) return suite;
  std::set<std::string> names;
  for (const auto& variant : make(pair, false).variants) names.insert(variant.name);
  const auto best = ranking(*tuned_, suite.name);
  names.insert(best.begin(), best.begin() + std::min(best.size(), kBest));
  std::erase_if(suite.variants, [&](const Variant& variant) { return !names.count(variant.name); });
  return suite;
}

void Runner::run(const Pair& pair) {
  const auto wanted = [&](const char* name) { return options_.suites.count(name) > 0; };
  if (wanted("inject")) run(fitting(inject_suite, pair), pair);
  if (wanted("region")) run(fitting(region_suite, pair), pair);
  if (wanted("mask"))
    for (const auto make : {mask_object_suite, mask_color_suite}) run(fitting(make, pair), pair);
  if (wanted("places")) run(fitting(places_suite, pair), pair);
  if (wanted("roles") && pair.held_out)
    for (const auto& suite : role_suites(pair, options_.all)) run(suite, pair);
  if (wanted("edit") && pair.held_out) run(edit_suite(pair, options_.all), pair);
  if (wanted("negative") && pair.held_out)
    for (const auto& suite : negative_suites(pair)) run(suite, pair);
  if (wanted("guide") && pair.held_out)
    for (const auto& suite : guide_suites(pair)) run(suite, pair);
  if (wanted("led") && pair.held_out) run(led_suite(pair), pair);
  if (wanted("picture") && pair.held_out) run(picture_suite(pair), pair);
}

void Runner::run(const Suite& suite, const Pair& pair) {
  const auto& variants = suite.variants;
  const std::vector<Spot> nowhere(options_.seeds);
  const auto plain = draw(suite, pair, {&variants[0]}, nowhere);
  std::vector<Spot> spots;
  for (const auto& drawn : plain) {
    auto tight = object_box(drawn.answer, 0), wide = object_box(drawn.answer, 1);
    if (wide.empty() || wide.cells() > kTooLarge) tight = wide = kUsualBox;
    spots.push_back({tight, wide, 0, ""});
  }
  const auto shown = draw_shown(suite, pair);
  for (size_t k = 0; k < shown.size(); ++k) spots[k].shown = io::to_base64(io::encode_png(shown[k].image, {}));
  const auto noted = [&](const std::string& variant, int k, const Drawn& drawn) {
    note(suite, pair, variant, k, drawn, {plain[k], spots[k].wide, shown.empty() ? plain[k].answer : shown[k].answer});
  };
  for (int k = 0; k < options_.seeds; ++k) noted("plain", k, plain[k]);
  for (size_t k = 0; k < shown.size(); ++k) noted("shown", int(k), shown[k]);
  // Whole batches; variants that look at the plain picture go with it in batches of their own.
  const size_t together = std::max(2, options_.batch / options_.seeds);
  for (const bool beside : {false, true}) {
    std::vector<const Variant*> batch;
    const auto flush = [&] {
      if (batch.size() <= size_t(beside)) return;
      const auto drawn = draw(suite, pair, batch, spots);
      for (size_t i = beside * options_.seeds; i < drawn.size(); ++i) {
        noted(batch[i / options_.seeds]->name, int(i) % options_.seeds, drawn[i]);
      }
      batch.clear();
    };
    for (size_t v = 1; v < variants.size(); ++v) {
      if (variants[v].beside_plain != beside) continue;
      if (beside && batch.empty()) batch.push_back(&variants[0]);
      batch.push_back(&variants[v]);
      if (batch.size() == together) flush();
    }
    flush();
  }
}

std::vector<Runner::Drawn> Runner::draw(const Suite& suite, const Pair& pair,
                                        const std::vector<const Variant*>& variants, const std::vector<Spot>& spots) {
  Request request;
  auto& recipe = request.recipe;
  recipe.prompt = suite.prompt;
  recipe.guidance = suite.guidance, recipe.negative_prompt = suite.negative;
  recipe.steps = options_.steps;
  recipe.seeds.clear();
  for (const auto* variant : variants)
    for (int k = 0; k < options_.seeds; ++k) {
      const int image = int(recipe.seeds.size());
      recipe.seeds.push_back(seed_of(pair, k) + suite.reseed);
      auto spot = spots[k];
      spot.plain_image = k;
      for (auto control : variant->controls(spot)) recipe.controls.push_back(control.for_images({image}));
    }
  // A GPU plans each convolution of a new shape, which takes seconds: few shapes are worth pictures nobody looks at.
  while (recipe.seeds.size() % options_.multiple) recipe.seeds.push_back(recipe.seeds.back());
  if (options_.check) {
    explain(recipe);
    return std::vector<Drawn>(variants.size() * options_.seeds,
                              {Image{256, 256, std::vector<uint8_t>(256 * 256 * 3)}, {}});
  }
  const auto begin = std::chrono::steady_clock::now();
  Result result;
  try {
    result = pipeline_.generate(request);
  } catch (const Error& error) {  // gains that overflow float16, say: no picture is an answer, too
    if (error.code() != ErrorCode::internal) throw;
    fmt::print(stderr, "{} {}: {}\n", suite.name, variants[0]->name, error.what());
    if (variants.size() > 2) return draw_each(suite, pair, variants, spots);
    result.images.assign(recipe.seeds.size(), Image{256, 256, std::vector<uint8_t>(256 * 256 * 3), {}});
  }
  seconds_drawing_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const auto answers = judge_(result.images);
  std::vector<Drawn> drawn;
  for (size_t i = 0; i < variants.size() * options_.seeds; ++i)
    drawn.push_back({std::move(result.images[i]), answers[i]});
  return drawn;
}

std::vector<Runner::Drawn> Runner::draw_each(const Suite& suite, const Pair& pair,
                                             const std::vector<const Variant*>& variants,
                                             const std::vector<Spot>& spots) {
  std::vector<Drawn> all;
  for (const auto* variant : variants) {
    if (variant->beside_plain) {  // it needs the plain picture beside it, which comes first in its batch
      auto two = draw(suite, pair, {variants[0], variant}, spots);
      all.insert(all.end(), two.begin() + options_.seeds, two.end());
    } else {
      for (auto& drawn : draw(suite, pair, {variant}, spots)) all.push_back(std::move(drawn));
    }
  }
  return all;
}

std::vector<Runner::Drawn> Runner::draw_shown(const Suite& suite, const Pair& pair) {
  if (suite.shown.empty()) return {};
  const Suite alone{.name = suite.name,
                    .prompt = suite.shown,
                    .variants = {suite.variants[0]},
                    .negative = "",
                    .reseed = kShownSeeds};
  return draw(alone, pair, {&alone.variants[0]}, std::vector<Spot>(options_.seeds));
}

void Runner::note(const Suite& suite, const Pair& pair, const std::string& variant, int seed, const Drawn& drawn,
                  const Beside& beside) {
  const auto& answer = drawn.answer;
  const auto& plain = beside.plain;
  Fact fact{suite.name, variant, pair.index, seed, pair.held_out};
  fact.object = main_object(answer);
  fact.left = main_object(answer, 0, kCells / 2), fact.right = main_object(answer, kCells / 2, kCells);
  fact.from_cells = cells_of(answer, pair.from.object), fact.to_cells = cells_of(answer, pair.to.object);
  fact.left_cells = cells_of(answer, pair.from.object, 0, kCells / 2);
  fact.right_cells = cells_of(answer, pair.to.object, kCells / 2, kCells);
  fact.scene = answer.scene, fact.tint = main_tint(answer), fact.look = answer.look;
  fact.outside = similarity_outside(drawn.image, plain.image, mask_of(beside.box));
  fact.overlap = overlap(answer, beside.places);
  fact.background = similarity_outside(drawn.image, plain.image, mask_of(answer, plain.answer));
  facts_.facts.push_back(fact);
  const bool shown = pair.held_out && seed == 0 && pair.index - options_.tuning < options_.pictures;
  if (shown) facts_.tiles.push_back({suite.name, variant, pair.index, halved(drawn.image)});
}

}  // namespace corepulse::efficacy
