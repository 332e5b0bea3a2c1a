#pragma once
// The subcommands: each adds itself to the program and runs from its callback.

#include <CLI/CLI.hpp>
#include <nlohmann/json_fwd.hpp>

namespace corepulse::cli {

/** What main() must know of whichever command ran. */
struct Global {
  bool json = false;  ///< Print one JSON object on stdout, also for an error.
  int status = 0;     ///< What the process ends with where nothing was thrown.
};

void add_generate(CLI::App& app, Global& global);
void add_demo(CLI::App& app, Global& global);
void add_doctor(CLI::App& app, Global& global);
void add_explain(CLI::App& app, Global& global);
void add_inspect(CLI::App& app, Global& global);
void add_models(CLI::App& app, Global& global);
void add_recipes(CLI::App& app, Global& global);
void add_roles(CLI::App& app, Global& global);
void add_serve(CLI::App& app, Global& global);
void add_sweep(CLI::App& app, Global& global);
/** They describe all commands of the program. */
void add_completion(CLI::App& app);
void add_man(CLI::App& app);

/** Adds --json to a command. */
void add_json_flag(CLI::App& command, Global& global);

/** On stdout, with a line end; bytes that are no UTF-8 are replaced. */
void print_json(const nlohmann::json& value);

}  // namespace corepulse::cli
