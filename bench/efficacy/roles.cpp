// The roles of the blocks: what injecting at one of them moves, and what it leaves alone.

#include <algorithm>
#include <fmt/format.h>

#include "questions.h"
#include "report.h"

namespace corepulse::efficacy {

namespace {

struct Property {
  const char* name;
  Question before, after;  ///< The picture has the first prompt's, the second prompt's.
};

const Property kProperties[] = {
    {"object", shows_from, shows_to},
    {"scene", keeps_scene, [](const Fact& f, const Pair& p) { return f.scene == p.to.scene; }},
    {"colour", [](const Fact& f, const Pair& p) { return f.tint == p.from.tint; },
     [](const Fact& f, const Pair& p) { return f.tint == p.to.tint; }},
    {"style", [](const Fact& f, const Pair& p) { return f.look == p.from.look; },
     [](const Fact& f, const Pair& p) { return f.look == p.to.look; }}};

/** All properties but one are those of the plain picture's prompt; colour only where the prompt names one. */
bool rest_stays(const Fact& f, const Pair& p, const Property& moved) {
  for (const auto& property : kProperties) {
    const bool named = std::string(property.name) != "colour";
    if (property.name != moved.name && named && !property.before(f, p)) return false;
  }
  return true;
}

std::string everything(const Facts& facts) {
  const Query query(facts, "role of everything", true);
  std::string text = "| injected at | object | scene | colour | style |\n|---|---|---|---|---|\n";
  for (const auto& variant : query.variants()) {
    text += fmt::format("| {} |", variant);
    for (const auto& property : kProperties) {
      // Only pictures that had the first value, so that what is counted is a move.
      text += fmt::format(" {} |", percent(query.rate(variant, property.after, property.before)));
    }
    text += "\n";
  }
  return text + "\n";
}

std::string one_at_a_time(const Facts& facts) {
  std::string text = "| injected at | object: moved / rest stays | scene | colour | style |\n|---|---|---|---|---|\n";
  const Query first(facts, "role of object", true);
  for (const auto& variant : first.variants()) {
    text += fmt::format("| {} |", variant);
    for (const auto& property : kProperties) {
      const Query query(facts, fmt::format("role of {}", property.name), true);
      const auto stays = [&](const Fact& f, const Pair& p) { return rest_stays(f, p, property); };
      const auto whole = [&](const Fact& f, const Pair& p) { return property.before(f, p) && stays(f, p); };
      text += fmt::format(" {} / {} |", percent(query.rate(variant, property.after, whole)),
                          percent(query.rate(variant, stays, whole)));
    }
    text += "\n";
  }
  return text + "\n";
}

}  // namespace

Move role_of(const Facts& facts, const std::string& name, const std::string& variant, bool (*of)(const Pair&)) {
  const auto property =
      std::find_if(std::begin(kProperties), std::end(kProperties), [&](const Property& p) { return p.name == name; });
  const Query query(facts, "role of " + name, true);
  const auto whole = [&](const Fact& f, const Pair& p) {
    return property->before(f, p) && rest_stays(f, p, *property) && (!of || of(p));
  };
  return {query.rate(variant, property->after, whole), query.rate(variant, shows_from, whole)};
}

std::string role_tables(const Facts& facts) {
  const Query query(facts, "role of everything", true);
  std::string text = fmt::format(
      "## Which block decides what\n{} held-out pairs, {} seeds. Each row injects the other prompt at these layers; "
      "`composition` is all input blocks, `middle:0` is `content`, `style` is all output blocks; rows of sigma inject "
      "it "
      "in all layers, but only then.\n![One property injected at one block after the other]"
      "(efficacy/roles.webp)\n\n"
      "**Everything at once.** \"A red A in a park\" is drawn, \"pixel art of a blue B on the beach\" (its look: pixel "
      "art, "
      "watercolor, ink or sepia) is injected. How often each property became the injected prompt's, of the pictures "
      "that "
      "plainly had the first prompt's. An ink drawing and a sepia photo have no colours of their own: there even "
      "asking plainly does not move the colour.\n\n",
      query.pairs(), facts.seeds);
  text += everything(facts);
  text +=
      "**One thing at a time.** The injected prompt differs in one property only. How often that moved, and how often "
      "all "
      "other properties (object, scene, style) stayed as they were, of the pictures that were plainly right.\n\n";
  return text + one_at_a_time(facts);
}

}  // namespace corepulse::efficacy
