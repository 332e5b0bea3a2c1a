#pragma once
// The server's own API (docs/server.md): which function answers which path. One source for each resource.

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "files/catalog.h"
#include "files/folder.h"
#include "files/names.h"
#include "files/uploads.h"
#include "http/gate.h"
#include "http/listener.h"
#include "http/router.h"
#include "jobs/models.h"
#include "jobs/queue.h"
#include "jobs/store.h"

namespace corepulse::server {

/** How often what was asked. */
struct HttpCounts {
  uint64_t requests = 0, client_errors = 0, server_errors = 0;
  double seconds = 0;
};

/** What handlers work with. All of it outlives them. */
struct Context {
  Store& store;
  Folder& folder;
  Uploads& uploads;
  Catalog& catalog;
  Names& names;
  Models& models;
  Drawing& drawing;
  Queue& queue;
  const Gate& gate;
  std::string studio;  ///< The folder of the page's files; "": those in the program.
  std::function<ConnectionCounts()> connections = {};
  std::function<HttpCounts()> http = {};
};

void add_jobs(Router& router, Context& context);
void add_files(Router& router, Context& context);    ///< Uploads; pictures that others drew.
void add_explain(Router& router, Context& context);  ///< And tokens.
void add_models(Router& router, Context& context);   ///< And blocks.
/** {models, loras, controlnets, adapters, embeddings, default, samplers, schedules}. */
nlohmann::json list_of_models(Context& context);
void add_recipes(Router& router, Context& context);
void add_history(Router& router, Context& context);  ///< And pictures.
void add_health(Router& router, Context& context);   ///< And metrics.
void add_pages(Router& router, Context& context);    ///< And what is in the program: the API's description, the schema.
/** All of them. */
void add_routes(Router& router, Context& context);

}  // namespace corepulse::server
