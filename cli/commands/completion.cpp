// corepulse completion: what a shell needs to complete our commands, options and values.

#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>

#include "commands/commands.h"
#include "definitions.h"

namespace corepulse::cli {

namespace {

std::string replaced(std::string text, const std::string& signs, const std::string& before) {
  for (size_t at = 0; (at = text.find_first_of(signs, at)) != text.npos; at += before.size() + 1)
    text.insert(at, before);
  return text;
}

/** 'text' for any shell of the three. */
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

/** One line, without what stands in brackets at its end: the default. */
std::string brief(const std::string& about) {
  const auto end = about.find_first_of("\n[");
  const auto text = about.substr(0, end);
  return text.substr(0, text.find_last_not_of(" :") + 1);
}

std::vector<std::string> names_of(const Command& command) {
  std::vector<std::string> names;
  for (const auto& flag : command.flags) names.insert(names.end(), flag.names.begin(), flag.names.end());
  return names;
}

std::string bash_values(const Command& command) {
  std::string cases;
  for (const auto& flag : command.flags)
    if (!flag.value.empty())
      cases += fmt::format("        {}) words={} ;;\n", fmt::join(flag.names, " | "),
                           quoted(fmt::format("{}", fmt::join(flag.words, " "))));
  std::vector<std::string> places;
  for (const auto& place : command.places) places.insert(places.end(), place.words.begin(), place.words.end());
  cases += "        *) ";
  cases += fmt::format("if [[ $word == -* ]]; then words={}; else words={}; fi ;;\n",
                       quoted(fmt::format("{}", fmt::join(names_of(command), " "))),
                       quoted(fmt::format("{}", fmt::join(places, " "))));
  return cases;
}

std::string bash(const Command& program, const std::vector<Command>& commands) {
  std::vector<std::string> first;
  for (const auto& command : commands) first.push_back(command.name);
  for (const auto& name : names_of(program)) first.push_back(name);
  std::string out = fmt::format(R"(# bash completion for corepulse, from `corepulse completion bash`
_corepulse() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} words=
  if [[ $word == = ]]; then word=; elif [[ $before == = ]]; then before=${{COMP_WORDS[COMP_CWORD - 2]}}; fi
  if ((COMP_CWORD == 1)); then
    words={}
  else
    case ${{COMP_WORDS[1]}} in
)",
                                quoted(fmt::format("{}", fmt::join(first, " "))));
  for (const auto& command : commands)
    out += fmt::format("      {})\n        case $before in\n{}        esac ;;\n", command.name, bash_values(command));
  return out + R"(    esac
  fi
  # shellcheck disable=SC2207  # macOS's bash has no mapfile, and our words no spaces
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _corepulse corepulse
)";
}

/** What follows "[about]" in an _arguments specification. */
std::string zsh_action(const Flag& flag) {
  if (flag.words.empty()) return flag.files ? ":value:_files" : ":value: ";
  const auto list = fmt::format("{}", fmt::join(flag.words, " "));
  return flag.files ? fmt::format(":value:{{compadd -- {}; _files}}", list) : fmt::format(":value:({})", list);
}

std::string zsh(const Command& program, const std::vector<Command>& commands) {
  std::string out =
      "#compdef corepulse\n# zsh completion for corepulse, from `corepulse completion zsh`\n_corepulse() {\n"
      "  local -a commands=(\n";
  for (const auto& command : commands)
    out += fmt::format("    {}\n", quoted(command.name + ":" + replaced(brief(command.about), ":", "\\")));
  out += "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    compadd --";
  for (const auto& name : names_of(program)) out += " " + name;
  out += "\n    return\n  fi\n  local command=$words[2]\n  shift words\n  ((CURRENT--))\n  case $command in\n";
  for (const auto& command : commands) {
    out += fmt::format("    {}) _arguments", command.name);
    for (const auto& flag : command.flags)
      for (const auto& name : flag.names)
        out += " \\\n      " + quoted(fmt::format("{}{}[{}]{}", flag.repeats ? "*" : "", name,
                                                  replaced(brief(flag.about), "[]:\\", "\\"),
                                                  flag.value.empty() ? "" : zsh_action(flag)));
    for (const auto& place : command.places) out += " \\\n      " + quoted("*" + zsh_action(place));
    out += " ;;\n";
  }
  return out + "  esac\n}\ncompdef _corepulse corepulse\n";
}

std::string fish(const Command& program, const std::vector<Command>& commands) {
  std::string out = "# fish completion for corepulse, from `corepulse completion fish`\n";
  const auto add = [&out](const Flag& flag, const std::string& condition) {
    out += "complete -c corepulse -n " + quoted(condition);
    for (const auto& name : flag.names) out += name[1] == '-' ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (!flag.value.empty()) out += flag.files ? " -r" : " -x";
    if (!flag.words.empty()) out += " -a " + quoted(fmt::format("{}", fmt::join(flag.words, " ")));
    if (!flag.names.empty()) out += " -d " + quoted(brief(flag.about));
    out += "\n";
  };
  for (const auto& flag : program.flags) add(flag, "__fish_use_subcommand");
  for (const auto& command : commands) {
    out += fmt::format("complete -c corepulse -f -n __fish_use_subcommand -a {} -d {}\n", command.name,
                       quoted(brief(command.about)));
    const auto inside = "__fish_seen_subcommand_from " + command.name;
    for (const auto& flag : command.flags) add(flag, inside);
    for (const auto& place : command.places) add(place, inside);
  }
  return out;
}

const char* const kCompletionExamples = R"(Examples:
  source <(corepulse completion bash)                                   for this shell; for all, where
  corepulse completion zsh > "${fpath[1]}/_corepulse"                   the shell looks for them
  corepulse completion fish > ~/.config/fish/completions/corepulse.fish

An installed corepulse has put them under share/ already.)";

}  // namespace

void add_completion(CLI::App& app) {
  auto* command = app.add_subcommand("completion", "Print a script that completes corepulse's words in a shell");
  command->footer(kCompletionExamples);
  auto shell = std::make_shared<std::string>();
  command->add_option("shell", *shell, "Which shell")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app] {
    const auto program = describe(app);
    const auto commands = subcommands(app);
    const auto text = *shell == "bash"  ? bash(program, commands)
                      : *shell == "zsh" ? zsh(program, commands)
                                        : fish(program, commands);
    std::fputs(text.c_str(), stdout);
  });
}

}  // namespace corepulse::cli
