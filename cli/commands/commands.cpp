// What the subcommands share.

#include "commands/commands.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace corepulse::cli {

void add_json_flag(CLI::App& command, Global& global) {
  command.add_flag("--json", global.json, "Print one JSON object on stdout")->group("Output");
}

void print_json(const nlohmann::json& value) {
  std::puts(value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

}  // namespace corepulse::cli
