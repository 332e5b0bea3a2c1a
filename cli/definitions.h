#pragma once
// What the program's commands and options are, for whoever describes them: completion scripts, the manual.

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace corepulse::cli {

struct Flag {
  std::vector<std::string> names;  ///< "-o", "--output"; none: it is told by its place.
  std::string group, about;
  std::string value;               ///< What it takes, "TEXT"; "": nothing.
  std::vector<std::string> words;  ///< Values there are.
  bool files = false;              ///< Takes others, too: files or free text.
  bool repeats = false;
};

struct Command {
  std::string name, about, footer;
  std::vector<Flag> flags, places;
};

using Words = std::function<std::vector<std::string>()>;

/** Says which values an option has where CLI11 does not know. @param only false: files or free text, too. */
void offer(CLI::Option* option, Words words, bool only = true);
void offer(CLI::Option* option, std::vector<std::string> words, bool only = true);

/** Of the recipes that come with the program. */
std::vector<std::string> preset_names();

/** Of one command, or of the program itself. Hidden options are left out. */
Command describe(const CLI::App& app);
/** All subcommands, in order. */
std::vector<Command> subcommands(const CLI::App& app);

}  // namespace corepulse::cli
