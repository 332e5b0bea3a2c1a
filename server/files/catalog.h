#pragma once
// The models, LoRAs, ControlNets, IP-Adapters and words for prompts that there are, by the names that clients use.

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace corepulse::server {

struct CatalogOptions {
  std::vector<std::string> models;  ///< Folders of models, of ControlNets and of IP-Adapters.
  std::string loras, embeddings;    ///< Folders; "": none.
  std::string model;                ///< The one of recipes that name none; "": the built-in one.
};

struct CatalogEntry {
  std::string name, path;  ///< "sd15.safetensors", and where it lies; "builtin" and org/name are their own paths.
  std::string title, family;
  uint64_t bytes = 0;
  int width = 0, height = 0;  ///< Models: native size.
  bool faces = false;         ///< IP-Adapters: reads faces' vectors.
  std::string error = {};     ///< Why it cannot be used; "": it can.
};

/** Any thread may use it. Folders are looked through again when somebody asks, at most every two seconds. */
class Catalog {
 public:
  explicit Catalog(CatalogOptions options);
  std::vector<CatalogEntry> models();
  std::vector<CatalogEntry> loras();
  /** Side networks: ControlNets and their kin. */
  std::vector<CatalogEntry> controlnets();
  /** IP-Adapters; such as are not run have an error. */
  std::vector<CatalogEntry> adapters();
  std::vector<CatalogEntry> embeddings();
  /**
   * The path of a model, LoRA, ControlNet or IP-Adapter of this name (all but models also without ".safetensors");
   * nothing if there is none.
   */
  std::optional<std::string> path_of(const std::string& name);
  /** The reverse; nothing for other paths. */
  std::optional<std::string> name_of(const std::string& path);
  std::vector<std::string> names();
  const CatalogOptions& options() const { return options_; }

 private:
  void look();
  enum class Kind { model, lora, controlnet, adapter };
  struct Known;
  const Known& known(const std::string& path);
  std::vector<CatalogEntry>& list_of(Kind kind);
  CatalogOptions options_;
  std::mutex mutex_;
  double looked_ = 0;
  std::vector<CatalogEntry> models_, loras_, controlnets_, adapters_, embeddings_;
  /** What was read of a file that has not changed since. */
  struct Known {
    std::string state;
    Kind kind = Kind::model;
    CatalogEntry entry;
  };
  std::map<std::string, Known> known_;  ///< By path.
};

}  // namespace corepulse::server
