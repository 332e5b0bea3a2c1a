// Edits beside the plain picture, negative prompts without guidance, guidance by perturbed attention: what is tried,
// and its tables.

#include <fmt/format.h>

#include "questions.h"
#include "report.h"
#include "variants.h"

namespace corepulse::efficacy {

namespace {

Variant edited(std::string name, const PromptToPrompt& edit) {
  return {std::move(name),
          [edit](const Spot& spot) {
            auto here = edit;
            here.image = spot.plain_image;
            return std::vector<Control>{{.effect = here}};
          },
          true};
}

std::string edit_table(const Facts& facts) {
  const Query query(facts, "edit", true);
  return fmt::format("{} held-out pairs. ", query.pairs()) +
         "*Same place*: of all cells that show an object in the picture or the plain one, how many do so in both.\n\n" +
         rows_table("| how | turned | scene kept | same place | SSIM outside the box | outside objects |", query,
                    [&](const std::string& v) {
                      return fmt::format("{} | {} | {:.2f} | {:.3f} | {:.3f}", percent(query.rate(v, shows_to)),
                                         percent(query.rate(v, keeps_scene)), query.mean(v, &Fact::overlap),
                                         query.mean(v, &Fact::outside), query.mean(v, &Fact::background));
                    });
}

std::string negative_tables(const Facts& facts) {
  const auto both = [](const Fact& f, const Pair&) { return f.from_cells >= kLeastCells && f.to_cells >= kLeastCells; };
  const auto gone = [](const Fact& f, const Pair&) { return f.from_cells < kLeastCells; };
  const auto stays = [](const Fact& f, const Pair&) { return f.to_cells >= kLeastCells; };
  const Query query(facts, "negative", true), guided(facts, "negative at guidance 5", true);
  auto text = fmt::format("{} held-out pairs, of the pictures that plainly show both objects. ", query.pairs());
  text +=
      fmt::format("To compare: guidance 5 with the same negative prompt draws A in {} and B in {} of all pictures.\n\n",
                  percent(guided.rate("plain", [&](const Fact& f, const Pair& p) { return !gone(f, p); })),
                  percent(guided.rate("plain", stays)));
  return text + rows_table("| how | A gone | B stays | scene kept |", query, [&](const std::string& v) {
           return fmt::format("{} | {} | {}", percent(query.rate(v, gone, both)), percent(query.rate(v, stays, both)),
                              percent(query.rate(v, keeps_scene, both)));
         });
}

std::string guide_tables(const Facts& facts) {
  const Query query(facts, "guide", true), guided(facts, "guide at guidance 5", true);
  const auto cells = [](const Query& of, const std::string& v) {
    const auto either = [](const Fact& f, const Pair& p) { return f.left == p.from.object || f.right == p.to.object; };
    return fmt::format("{} | {} | {}", percent(of.rate(v, both_placed)), percent(of.rate(v, either)),
                       percent(of.rate(v, keeps_scene)));
  };
  return fmt::format("{} held-out pairs.\n\n", query.pairs()) +
         rows_table("| at guidance 1, 5 | both right | one right | scene | both right | one right | scene |", query,
                    [&](const std::string& v) { return cells(query, v) + " | " + cells(guided, v); });
}

}  // namespace

std::string rows_table(const char* head, const Query& query,
                       const std::function<std::string(const std::string&)>& cells) {
  std::string text = head, line = "\n|";
  for (auto i = std::count(text.begin(), text.end(), '|') - 1; i > 0; --i) line += "---|";
  text += line + "\n";
  for (const auto& variant : query.variants())
    if (variant != "shown") text += fmt::format("| {} | {} |\n", variant, cells(variant));
  return text + "\n";
}

Suite edit_suite(const Pair& pair, bool all) {
  const auto whole = pair.to.name + " " + pair.from.place;
  Suite suite{
      "edit",
      sentence(pair.from),
      {plain(), variant("asked plainly", {inject(whole)}), variant("inject at middle:0", {inject(whole).at("content")}),
       edited("prompt_to_prompt", {.prompt = whole})}};
  suite.variants.push_back(edited("prompt_to_prompt; self 0", {.prompt = whole, .self = 0}));
  suite.variants.push_back(edited("prompt_to_prompt; self 1 throughout", {.prompt = whole, .self = 1}));
  if (!all) return suite;
  suite.variants.push_back(
      edited("prompt_to_prompt; self 1 throughout, everywhere", {.prompt = whole, .self = 1, .self_tokens = 1024}));
  return suite;
}

std::vector<Suite> negative_suites(const Pair& pair) {
  const auto& [a, b] = std::pair(pair.from, pair.to);
  const auto both = fmt::format("{} and {} {}", a.name, b.name, a.place);
  Suite suite{"negative", both, {plain(), variant("asked plainly", {inject(b.name + " " + a.place)})}, 1, ""};
  for (const double scale : {2., 4., 8.})
    suite.variants.push_back(
        variant(fmt::format("normalized_guidance; scale {}", scale), {normalized_guidance(a.name, scale)}));
  suite.variants.push_back(
      variant("normalized_guidance; scale 8, strength 1", {normalized_guidance(a.name, 8).strength(1)}));
  return {suite, {"negative at guidance 5", both, {plain()}, 5, a.name}};
}

std::vector<Suite> guide_suites(const Pair& pair) {
  const auto& [a, b] = std::pair(pair.from, pair.to);
  std::vector<Suite> suites;
  for (const double guidance : {1., 5.}) {
    Suite suite{guidance == 1 ? "guide" : "guide at guidance 5",
                fmt::format("{} on the left and {} on the right {}", a.name, b.name, a.place),
                {plain()},
                guidance,
                ""};
    for (const auto perturb : {GuideBy::Perturb::identity, GuideBy::Perturb::blur})
      for (const char* where : {"middle:0", "coarse", "all"})
        suite.variants.push_back(
            variant(fmt::format("{}; {}", perturb == GuideBy::Perturb::blur ? "blur" : "identity", where),
                    {guide_by(perturb).at(where)}));
    suites.push_back(std::move(suite));
  }
  return suites;
}

std::string guide_text(const Facts& facts) {
  std::string text;
  const auto add = [&](const char* suite, const char* title, const char* picture, std::string (*tables)(const Facts&)) {
    if (Query(facts, suite, true).pairs() > 0) text += fmt::format("{}\n{}\n\n", title, picture) + tables(facts);
  };
  add("edit", "## Another object by prompt-to-prompt", "![The same seeds with another word](efficacy/edit.webp)",
      edit_table);
  add("negative",
      "## A negative prompt without guidance\n\"An A and a B in a park\" at guidance 1, A the negative prompt.",
      "![One of two objects pushed away](efficacy/negative.webp)", negative_tables);
  add("guide", "## Guidance by perturbed attention\n\"An A on the left and a B on the right\", scale 3.",
      "![Two objects without guidance, guided by perturbed attention](efficacy/guide.webp)", guide_tables);
  return text;
}

}  // namespace corepulse::efficacy
