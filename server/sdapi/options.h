#pragma once
// A1111's settings: a few choose what is drawn, all others are kept and echoed, for clients send them all back.

#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "files/catalog.h"

namespace corepulse::server {

/** Any thread may use it. They last as long as the server runs. */
class SdOptions {
 public:
  explicit SdOptions(Catalog& catalog) : catalog_(catalog) {}
  /** With the defaults of those that were not set. */
  nlohmann::json all();
  /** @throws Problem 400, 404 for a value of those that choose that is none; more than 1 MB of them in all. */
  void set(const nlohmann::json& changed);
  /** all() with a request's override_settings over it. @throws as set. */
  nlohmann::json with(const nlohmann::json& over);
  /** Whether a setting's name means something here. */
  static bool acts(const std::string& setting);

 private:
  void check(const nlohmann::json& settings);
  Catalog& catalog_;
  std::mutex mutex_;
  nlohmann::json set_ = nlohmann::json::object();
};

/** The model that a client calls by its title, its name, or that without ending. @throws Problem 404. */
CatalogEntry model_called(Catalog& catalog, const std::string& called);
/** Of requests that name none; nothing where it is not in the list. */
std::optional<CatalogEntry> default_model(Catalog& catalog);
/** "sd15" of "sd15.safetensors". */
std::string without_ending(const std::string& name);

}  // namespace corepulse::server
