#pragma once
// The one place that turns a client's name for a file into a path.

#include <string>
#include <vector>

#include "corepulse/recipe.h"

#include "files/catalog.h"
#include "files/folder.h"
#include "jobs/store.h"

namespace corepulse::server {

class Names {
 public:
  Names(Catalog& catalog, const Folder& folder, Store& store) : catalog_(catalog), folder_(folder), store_(store) {}

  /**
   * The recipe with paths for names: "upload:ID", "picture:NAME", names of models, LoRAs and the folder "embeddings";
   * the server's default model where none is named. @throws Problem 403 forbidden_path for all else, 404 for an upload
   * or picture that is not there.
   */
  Recipe opened(Recipe recipe);
  std::vector<Control> opened(std::vector<Control> controls);
  /** A single name. @throws Problem 403, 404. */
  std::string path_of(const std::string& name);
  /** The recipe with the client's names again; a path that has none becomes its last part. */
  Recipe shown(Recipe recipe);
  /** A message without paths of this machine: those of known files become their names. */
  std::string shown(std::string message);

 private:
  std::string name_of(const std::string& path);
  Catalog& catalog_;
  const Folder& folder_;
  Store& store_;
};

}  // namespace corepulse::server
