#include "server.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/resource.h>
#include <thread>

#include "corepulse/doctor.h"
#include "corepulse/error.h"

#include "api/api.h"
#include "app.h"

namespace corepulse::server {
namespace {

namespace fs = std::filesystem;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

[[noreturn]] void refuse_options(const std::string& message) {
  throw Error(ErrorCode::invalid_request, message);
}

/** Sockets are files, and a shell's soft limit may be 256. */
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 65536);
  setrlimit(RLIMIT_NOFILE, &limit);
}

/** A quarter of the files that may be open stays for models and pictures. */
int most_connections() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
  return static_cast<int>(std::clamp<rlim_t>(limit.rlim_cur / 4 * 3, 16, 512));
}

/** A command line is there for everybody on the machine to read; a file and the environment are not. */
std::string token_of(const ServeOptions& options) {
  if (options.token_file.empty()) return options.token.empty() ? environment("COREPULSE_TOKEN") : options.token;
  if (!options.token.empty()) refuse_options("[--token-file] --token is given, too; expected one of them");
  std::ifstream file(options.token_file);
  std::string token;
  if (!std::getline(file, token) || token.size() > 4096)
    throw Error(ErrorCode::io, fmt::format("[--token-file] {} holds no line that could be one", options.token_file));
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) throw Error(ErrorCode::io, fmt::format("[--token-file] {} begins empty", options.token_file));
  return token;
}

void check_options(const ServeOptions& options) {
  const auto name = host_name(options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]");
  if (!is_loopback_name(name) && options.token.empty() && !options.insecure)
    refuse_options(
        fmt::format("[--host] {} can be reached from other machines; expected a token beside it (--token-file, "
                    "COREPULSE_TOKEN or --token), which clients "
                    "must then send (or --insecure, where another program guards the door)",
                    options.host));
  const bool printable = std::all_of(options.token.begin(), options.token.end(),
                                     [](char c) { return c > ' ' && c < 0x7f && c != ';' && c != ',' && c != '"'; });
  if (!printable)
    refuse_options("[--token] expected ASCII letters, digits and signs, none of them a space, a quote, ; or ,");
}

GateOptions gate_options(const ServeOptions& options) {
  GateOptions gate{options.token, {}};
  for (const auto& host : options.hosts) {
    gate.hosts.push_back(host_name(host));
    if (gate.hosts.back().empty()) refuse_options(fmt::format("[--allow-host] {} is no name of a host", host));
  }
  if (options.host != "0.0.0.0" && options.host != "::") {
    gate.hosts.push_back(
        host_name(options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]"));
  }
  return gate;
}

/** All that there is, in the order in which one needs another. */
struct Server {
  explicit Server(const ServeOptions& options)
      : folder(fs::absolute(options.data.empty() ? data_folder() : options.data)),
        store(folder.database()),
        uploads(folder, store, options.uploads),
        catalog({options.models, options.loras, options.embeddings, options.model}),
        names(catalog, folder, store),
        models(options.memory > 0 ? options.memory : describe_machine().memory / 2, options.device),
        drawing(names, folder, models, limits_of(options)),
        gate(gate_options(options)),
        app(router, gate),
        listener(app, listen_options(options)),
        queue(store, drawing, folder, limits_of(options)),
        context{store, folder, uploads, catalog, names, models, drawing, queue, gate, options.studio} {
    context.connections = [this] { return listener.counts(); };
    context.http = [this] { return app.counts(); };
    add_routes(router, context);
  }

  static Limits limits_of(const ServeOptions& options) { return {.most_waiting = options.queue}; }
  static ListenOptions listen_options(const ServeOptions& options) {
    return {.host = options.host, .port = options.port, .most_connections = most_connections()};
  }

  Folder folder;
  Store store;
  Uploads uploads;
  Catalog catalog;
  Names names;
  Models models;
  Drawing drawing;
  Router router;
  Gate gate;
  App app;
  Listener listener;
  Queue queue;
  Context context;
};

std::string address(const ServeOptions& options, uint16_t port) {
  const auto host = options.host.find(':') == std::string::npos ? options.host : "[" + options.host + "]";
  return fmt::format("http://{}:{}/", host, port);
}

}  // namespace

std::string data_folder() {
#ifdef __APPLE__
  return environment("HOME") + "/Library/Application Support/corepulse/server";
#else
  const auto data = environment("XDG_DATA_HOME");
  return (data.empty() ? environment("HOME") + "/.local/share" : data) + "/corepulse/server";
#endif
}

void serve(const ServeOptions& given, const std::atomic<bool>& stop) {
  auto options = given;
  options.token = token_of(given);
  check_options(options);
  raise_file_limit();
  Server server(options);
  if (!options.model.empty()) (void)server.names.path_of(options.model);
  if (options.say)
    options.say(fmt::format("corepulse serves {}{}", address(options, server.listener.port()),
                            options.token.empty() ? "" : "?token=... (the one that was given)"));
  std::atomic<bool> ended = false;
  std::thread watch([&] {
    while (!stop && !ended) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    if (ended) return;
    server.queue.stop();  // first, so that clients that wait are told
    server.listener.stop();
  });
  server.listener.run();
  ended = true;
  watch.join();
}

}  // namespace corepulse::server
