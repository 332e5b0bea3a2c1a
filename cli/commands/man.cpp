// corepulse man: the manual page, made from the same definitions as --help.

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "corepulse/pipeline.h"

#include "commands/commands.h"
#include "definitions.h"

namespace corepulse::cli {

namespace {

/** Text as roff prints it: no line is a request, no sign an escape. */
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n')) out += "\\&";
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  return out;
}

std::string as_printed(const std::string& text) {
  return ".nf\n" + plain(text) + "\n.fi\n";
}

std::string entry(const Flag& flag) {
  std::string head;
  for (const auto& name : flag.names) head += (head.empty() ? "\\fB" : ", \\fB") + plain(name) + "\\fR";
  if (!flag.value.empty()) head += (head.empty() ? "\\fI" : " \\fI") + plain(flag.value) + "\\fR";
  std::string out = ".TP\n" + head + "\n" + plain(flag.about) + "\n";
  const bool told = flag.words.empty() || flag.about.find(flag.words.front()) != std::string::npos;
  return told ? out : out + ".br\n" + plain(fmt::format("There are: {}\n", fmt::join(flag.words, ", ")));
}

std::string section(const Command& command) {
  std::string out = ".SS corepulse " + command.name + "\n" + plain(command.about) + ".\n";
  std::vector<std::string> groups;  // in the order of their first options, as in --help
  for (const auto* list : {&command.places, &command.flags})
    for (const auto& flag : *list)
      if (std::find(groups.begin(), groups.end(), flag.group) == groups.end()) groups.push_back(flag.group);
  for (const auto& group : groups) {
    out += ".PP\n\\fI" + plain(group) + "\\fR\n";
    for (const auto* list : {&command.places, &command.flags})
      for (const auto& flag : *list)
        if (flag.group == group) out += entry(flag);
  }
  return out + ".PP\n" + as_printed(command.footer);
}

/** "corepulse 0.1.0" of what --version says. */
std::string name_and_number() {
  const auto text = version();
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

std::string page(const CLI::App& app) {
  const auto program = describe(app);
  std::string out = ".TH COREPULSE 1 \"\" \"" + name_and_number() + "\"\n";
  out += ".SH NAME\ncorepulse \\- Stable Diffusion with open attention\n";
  out += ".SH SYNOPSIS\n.B corepulse\n\\fICOMMAND\\fR [\\fIOPTION\\fR ...]\n";
  out += ".SH DESCRIPTION\n" + plain(program.about) + "\n.PP\n" + as_printed(program.footer);
  out += ".SH OPTIONS\n";
  for (const auto& flag : program.flags) out += entry(flag);
  out += ".SH COMMANDS\n";
  for (const auto& command : subcommands(app)) out += section(command);
  return out;
}

}  // namespace

void add_man(CLI::App& app) {
  auto* command = app.add_subcommand("man", "Print the manual page");
  command->footer("Examples:\n  corepulse man | man -l -        read it\n  man corepulse               once installed");
  command->callback([&app] { std::fputs(page(app).c_str(), stdout); });
}

}  // namespace corepulse::cli
