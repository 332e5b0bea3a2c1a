// Every kind of control: what its file tells the rest, and that nothing else has to know it.
#include <algorithm>
#include <doctest/doctest.h>
#include <set>

#include "corepulse/recipe.h"

#include "control/kind.h"
#include "schema.h"

namespace corepulse::control::test {
namespace {

corepulse::Control normal_control(const Kind& kind) {
  return {.effect = kind.normal};
}

/** The entry of docs/recipe.schema.json. */
bool in_schema(const std::string& kind) {
  for (const auto& one : recipe_schema()["$defs"]["control"]["oneOf"])
    if (one["properties"]["kind"]["const"] == kind) return true;
  return false;
}

}  // namespace

TEST_CASE("a kind is found by its name and by its effect, and acts in one way") {
  std::set<std::string> names;
  for (const auto* kind : kinds()) {
    CAPTURE(kind->name);
    CHECK(names.insert(kind->name).second);
    CHECK(find_kind(kind->name) == kind);
    CHECK(&kind_of(kind->normal) == kind);
    CHECK(kind_name(kind->normal) == std::string(kind->name));
    CHECK((kind->attention != nullptr) + (kind->step != nullptr) + (kind->capture != nullptr) +
              (kind->weights != nullptr) + (kind->side != nullptr) + (kind->features != nullptr) +
              (kind->mixes != nullptr) + (kind->latents != nullptr) ==
          1);
    CHECK((!kind->blurs || kind->attention));  // in place of it
  }
  CHECK(names.size() == std::variant_size_v<Effect>);
  CHECK(find_kind("injekt") == nullptr);
}

TEST_CASE("a kind is written and read, by its own fields and the common ones") {
  for (const auto* kind : kinds()) {
    CAPTURE(kind->name);
    const std::vector<corepulse::Control> list{normal_control(*kind)};
    CHECK(controls_from_json(to_json(list)) == list);
    const auto json = nlohmann::json::parse(to_json(list)).at(0);
    for (const auto& [field, value] : json.items()) {
      const bool own = std::find(kind->fields.begin(), kind->fields.end(), field) != kind->fields.end();
      CHECK((own || field == "kind"));
    }
    CHECK(in_schema(kind->name));
  }
}

TEST_CASE("what changes attention or watches has a short form") {
  std::set<std::string> options;
  for (const auto* kind : kinds()) {
    CAPTURE(kind->name);
    CHECK((!kind->short_forms.empty() || kind->step));
    for (const auto& form : kind->short_forms) CHECK(options.insert(form.option).second);
  }
}

TEST_CASE("items of a kind have a word each, and say which field two of them exclude by") {
  for (const auto* kind : kinds()) {
    CAPTURE(kind->name);
    std::set<std::string> words;
    for (const auto items : {kind->number_items, kind->word_items})
      for (const auto& item : items) {
        CAPTURE(item.word);
        CHECK(words.insert(item.word).second);
        const bool field =
            std::find(kind->fields.begin(), kind->fields.end(), std::string(item.sets)) != kind->fields.end();
        CHECK((field || item.sets == std::string(item.word)));
      }
  }
}

}  // namespace corepulse::control::test
