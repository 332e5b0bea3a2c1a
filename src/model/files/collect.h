#pragma once
// From the user's words to files: finds a model, and maps the tensors of each of its networks.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/model.h"

#include "io/json.h"
#include "model/files/checkpoint.h"

namespace corepulse::model {

/** A config file's contents, and its path for messages. */
struct ConfigFile {
  io::Json json;
  std::string path;
};

/** One network as found: nothing is interpreted yet. */
struct Network {
  PartTensors stored;
  std::optional<ConfigFile> config;
  std::vector<std::filesystem::path> files;
  std::vector<std::shared_ptr<const io::MappedFile>> mappings;
};

/** A model as found. */
struct Collection {
  std::string name;            ///< File or folder name, org/name, "builtin".
  std::filesystem::path path;  ///< The file or folder.
  bool builtin = false;
  bool is_folder = false;
  std::map<Part, Network> networks;
  std::optional<ConfigFile> scheduler;
  /** Folders with vocab.json and merges.txt, of the first and second text encoder. */
  std::map<Part, std::filesystem::path> tokenizers;
  std::optional<bool> zeros_for_empty_prompt = {};  ///< As the model's index says: see Parts.
  Markers markers;                                  ///< What a single file says about its training.
  std::vector<std::string> notes;
};

/** @throws Error not_found, bad_file, unsupported_model, invalid_request. */
Collection collect(const ModelSource& source);

}  // namespace corepulse::model
