// corepulse serve: HTTP, a queue, and the page.

#include <fmt/format.h>
#include <memory>

#include "corepulse/error.h"

#include "commands/commands.h"
#include "definitions.h"
#include "load_flags.h"
#include "server.h"
#include "target.h"
#include "terminal/interrupt.h"
#include "terminal/progress.h"

namespace corepulse::cli {

namespace {

const char* const kServeExamples = R"(Examples:
  corepulse serve                            the page at http://127.0.0.1:7860/, for this machine alone
  corepulse serve --models ~/models --loras ~/loras -m sd15.safetensors
  corepulse serve --host 0.0.0.0 --token-file ~/.corepulse-token --allow-host studio.local
                                             for others, who open http://studio.local:7860/?token=SECRET

What it answers, what it keeps and what it refuses: docs/server.md. Ctrl-C stops it: the job that is being drawn is
queued again and drawn after the next start.)";

struct ServeFlags {
  server::ServeOptions options;
  std::string device;
  double memory = 0, uploads = 10;  // GB
  bool quiet = false;
};

void add_network_flags(CLI::App& command, server::ServeOptions& options) {
  command.add_option("--host", options.host, "Address to listen at; 0.0.0.0: all, with a token")
      ->group("Network")
      ->capture_default_str();
  command.add_option("--port", options.port, "Port; 0: any that is free")->group("Network")->capture_default_str();
  command.add_option("--token", options.token, "What clients must send: as Bearer, as Basic's password, as a cookie")
      ->group("Network");
  command
      .add_option(
          "--token-file", options.token_file,
          "A file whose first line is the token, which --token shows to all who list processes; or COREPULSE_TOKEN")
      ->group("Network")
      ->type_name("FILE");
  command.add_option("--allow-host", options.hosts, "A further name by which clients call this server")
      ->group("Network")
      ->type_name("NAME");
  command.add_flag("--insecure", options.insecure, "Let other machines in without a token")->group("Network");
}

void add_folder_flags(CLI::App& command, server::ServeOptions& options) {
  command.add_option("-m,--model", options.model, "Name of the model of recipes that name none")->group("Models");
  command.add_option("--models", options.models, "Folders with models")->group("Models")->type_name("DIR");
  command.add_option("--loras", options.loras, "Folder with LoRAs")->group("Models")->type_name("DIR");
  command.add_option("--embeddings", options.embeddings, "Folder with words from files (textual inversion)")
      ->group("Models")
      ->type_name("DIR");
  command.add_option("--data", options.data, "Where jobs, pictures and recipes are kept; else the user's data folder")
      ->group("Server")
      ->type_name("DIR");
  command.add_option("--queue", options.queue, "Jobs that may wait")
      ->group("Server")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  command.add_option("--studio", options.studio, "Serve the page's files from this folder, to work on them")
      ->group("Server")
      ->type_name("DIR");
}

}  // namespace

void add_serve(CLI::App& app, Global&) {
  auto* command = app.add_subcommand("serve", "Draw for programs and browsers: HTTP, a queue of jobs, a page");
  command->footer(kServeExamples);
  auto flags = std::make_shared<ServeFlags>();
  add_network_flags(*command, flags->options);
  add_folder_flags(*command, flags->options);
  command->add_option("--memory", flags->memory, "GB for models' weights; else half of the machine's")
      ->group("Models")
      ->check(CLI::Range(0.001, 1e6));
  command->add_option("--uploads", flags->uploads, "GB for files that clients send; then the oldest go")
      ->group("Server")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  add_device_flag(*command, flags->device);
  command->add_flag("-q,--quiet", flags->quiet, "Print nothing but errors")->group("Server");
  command->callback([flags] {
    auto& options = flags->options;
    for (auto* folder : {&options.loras, &options.embeddings, &options.data, &options.studio, &options.token_file})
      *folder = expand_home(*folder);
    for (auto& folder : options.models) folder = expand_home(folder);
    options.memory = static_cast<uint64_t>(flags->memory * 1e9);
    options.uploads = static_cast<int64_t>(flags->uploads * 1e9);
    options.device = load_options("auto", flags->device).device;
    options.say = [quiet = flags->quiet](const std::string& line) { note(line, quiet); };
    server::serve(options, *stop_flag());
  });
}

}  // namespace corepulse::cli
