// The program `corepulse`: subcommands, and what an error looks like to people and to programs.

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <nlohmann/json.hpp>

#include "corepulse/error.h"
#include "corepulse/nearest_name.h"
#include "corepulse/pipeline.h"

#include "commands/commands.h"
#include "spelling.h"
#include "terminal/interrupt.h"

namespace corepulse::cli {

namespace {

int report(ErrorCode code, const std::string& message, bool json) {
  if (json) print_json({{"error", {{"code", name(code)}, {"message", message}}}});
  std::fprintf(stderr, "corepulse: %s\n", message.c_str());
  return exit_status(code);
}

/** What nobody asked for, with what may have been meant; "" if it is something else that is wrong. */
std::string unexpected(const CLI::App& app, const CLI::App& command) {
  for (const auto& given : app.remaining(true)) {
    if (given.starts_with("-")) {
      std::vector<std::string> valid;
      for (const auto* option : command.get_options())
        for (const auto& name : option->get_lnames()) valid.push_back(name);
      return unknown_option(given, valid);
    }
    if (&app != &command) continue;
    std::vector<std::string> valid;
    for (const auto* sub : app.get_subcommands({})) valid.push_back(sub->get_name());
    const auto near = nearest_name(given, valid);
    return "unknown command " + given + (near.empty() ? "" : "; did you mean " + near + "?");
  }
  return "";
}

/** CLI11's own complaints, with the command whose help would answer them. */
int report(const CLI::ParseError& error, const CLI::App& app, bool json) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const auto* command = &app;
  std::string name = "corepulse";
  for (const auto* sub : app.get_subcommands()) name += " " + sub->get_name(), command = sub;
  auto message = unexpected(app, *command);
  if (message.empty()) message = error.what();
  return report(ErrorCode::invalid_request, message + "; see " + name + " --help", json);
}

const char* const kOverview = R"(Start here:
  corepulse demo                                        what control does, in eight pictures
  corepulse generate -p "a cat in a park" -o cat.png    one picture from the built-in model
  corepulse generate -p "a cat in a park" --inject "a dragon @ content" -o dragon.png
  corepulse explain -p "a cat in a park" --inject "a dragon @ content"
  corepulse sweep -p "a cat in a park" --inject "a dragon" --axis where=input,middle,output --axis seed=1..3
                                                        a sheet of them, and a table
  corepulse recipes                                     whole recipes to start from
  corepulse serve                                       a page in the browser, and HTTP for programs
  corepulse COMMAND --help                              every option, with examples

Exit status: 0 done, 2 wrong request, 3 not found, 4 damaged file, 5 unsupported model,
  6 reading or writing failed, 7 out of memory, 9 defect of the program, 130 stopped by Ctrl-C.)";

int run(int argc, char** argv) {
  Global global;
  // Known before parsing, so that a parse error is reported as asked, too.
  global.json = std::any_of(argv, argv + argc, [](const char* a) { return !std::strcmp(a, "--json"); });
  CLI::App app(
      "Stable Diffusion with open attention: decide what the model attends to, in which "
      "layer,\nat which moment, in which part of the picture.",
      "corepulse");
  app.set_version_flag("--version", [] { return version(); });
  app.footer(kOverview);
  app.require_subcommand(1);
  app.get_formatter()->column_width(34);
  for (const auto add :
       {add_generate, add_demo, add_explain, add_inspect, add_models, add_recipes, add_sweep, add_roles, add_doctor})
    add(app, global);
#ifdef COREPULSE_SERVER
  add_serve(app, global);
#endif
  add_completion(app);
  add_man(app);
  try {
    if (argc == 1) {
      std::fputs(app.help().c_str(), stderr);
      return exit_status(ErrorCode::invalid_request);
    }
    catch_interrupts();
    auto arguments = with_own_names({argv + 1, argv + argc});
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app.parse(std::move(arguments));
    return global.status;
  } catch (const CLI::ParseError& error) {
    return report(error, app, global.json);
  } catch (const Error& error) {
    const int status = report(error.code(), error.what(), global.json);
    return error.code() == ErrorCode::cancelled && interrupted() ? interrupted_status() : status;
  } catch (const std::exception& error) {
    return report(ErrorCode::internal, error.what(), global.json);
  }
}

}  // namespace
}  // namespace corepulse::cli

int main(int argc, char** argv) {
  return corepulse::cli::run(argc, argv);
}
