// What the program's commands and options are, for whoever describes them.

#include "definitions.h"

#include <map>
#include <sstream>

#include "corepulse/recipe.h"

namespace corepulse::cli {

namespace {

struct Offer {
  Words words;
  bool only = true;
};

std::map<const CLI::Option*, Offer>& offers() {
  static std::map<const CLI::Option*, Offer> all;
  return all;
}

/** CLI11 writes what an option must be one of as "TEXT:{a,b,c}". */
std::vector<std::string> listed(const std::string& type) {
  std::vector<std::string> words;
  const auto begin = type.find(":{"), end = type.rfind('}');
  if (begin == type.npos || end == type.npos) return words;
  std::istringstream list(type.substr(begin + 2, end - begin - 2));
  for (std::string word; std::getline(list, word, ',');) words.push_back(word);
  return words;
}

Flag describe(const CLI::Option& option) {
  Flag flag{.group = option.get_group(), .about = option.get_description()};
  for (const auto& name : option.get_snames()) flag.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) flag.names.push_back("--" + name);
  if (option.get_items_expected_max() > 0) {
    const auto type = option.get_type_name();
    flag.value = type.substr(0, type.find(':'));
    flag.words = listed(type);
    flag.files = flag.words.empty() && flag.value == "TEXT";
  }
  flag.repeats = option.get_multi_option_policy() == CLI::MultiOptionPolicy::TakeAll || option.get_expected_max() > 1;
  if (const auto offer = offers().find(&option); offer != offers().end())
    flag.words = offer->second.words(), flag.files = !offer->second.only;
  return flag;
}

}  // namespace

void offer(CLI::Option* option, Words words, bool only) {
  offers()[option] = {std::move(words), only};
}

void offer(CLI::Option* option, std::vector<std::string> words, bool only) {
  offer(option, Words([words = std::move(words)] { return words; }), only);
}

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const auto& preset : presets()) names.push_back(preset.name);
  return names;
}

Command describe(const CLI::App& app) {
  Command command{app.get_name(), app.get_description(), app.get_footer(), {}, {}};
  for (const auto* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    const bool by_place = option->get_positional() && !option->nonpositional();
    (by_place ? command.places : command.flags).push_back(describe(*option));
  }
  return command;
}

std::vector<Command> subcommands(const CLI::App& app) {
  std::vector<Command> commands;
  for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!sub->get_group().empty()) commands.push_back(describe(*sub));
  return commands;
}

}  // namespace corepulse::cli
