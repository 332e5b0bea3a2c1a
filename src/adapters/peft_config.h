#pragma once
// PEFT's settings of an adapter, which stand beside its numbers: in the file's metadata, as Diffusers writes them, or
// in an adapter_config.json beside the file, as PEFT does.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "adapters/stored.h"
#include "io/tensors/safetensors.h"

namespace corepulse::adapters {

class PeftConfig {
 public:
  /** Of an opened file. @throws Error bad_file, unsupported_model (a setting that would change the model's own
   * weights). */
  static PeftConfig read(const std::filesystem::path& path, const io::SafetensorsFile& file);
  /** How a layer is scaled, by its network and its name in the model; nullopt if there are no settings. */
  std::optional<PeftScale> scale(const std::string& network, const std::string& layer) const;
  /** The settings that stand in a file of their own; "": there is none. */
  const std::string& beside() const { return beside_; }

 private:
  /** A layer's own number: of the first pattern that its name is, or ends with after a '.'. */
  struct Pattern {
    std::string name;
    bool whole = false;
    double value = 0;
  };
  struct Settings {
    double alpha = 8, rank = 8;  // PEFT's own defaults
    bool square_root = false;
    std::vector<Pattern> alphas, ranks;
    std::optional<PeftOft> oft;
    std::optional<std::vector<std::string>> on_input;  ///< How the names of IA3's feedforward modules end.
  };
  friend struct PeftReader;
  std::string beside_;
  std::map<std::string, Settings> networks_;  ///< "" for all that have no own.
};

}  // namespace corepulse::adapters
