#pragma once
// txt2img and img2img as our recipe.
//
//   const auto asked = read_sdapi(body, {.from_picture = true, .settings = options.with(over), ...});
//   queue.submit({.recipe = asked.recipe.dump(), .origin = "a1111"});

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "files/catalog.h"
#include "sdapi/fields.h"
#include "sdapi/options.h"

namespace corepulse::server {

struct SdRecipe {
  nlohmann::json recipe;
  std::vector<std::string> notes;  ///< What the request says and the recipe lacks.
};

struct SdReading {
  bool from_picture = false;  ///< img2img.
  Catalog& catalog;
  SdOptions& options;
  /** Keeps a picture's bytes, and returns the name that recipes give it. */
  std::function<std::string(const std::string& bytes)> keep;
};

/**
 * What changes the picture there and cannot be said here is an error or a note.
 * @throws Problem 400, 404; Error of pictures and names.
 */
SdRecipe read_sdapi(const nlohmann::json& body, const SdReading& reading);

// Its parts.
/** Hires. fix as second_pass. */
void read_hires(SdFields& fields, nlohmann::json& recipe);
/** Sampler and schedule of the two fields into an object with these names. "": leaves them out. */
void read_sampler(nlohmann::json& out, const std::string& sampler, const std::string& schedule);
/** The first picture, its mask and how it fills. */
void read_init(SdFields& fields, const nlohmann::json& settings, const SdReading& reading, SdRecipe& made);
/** "corepulse" among alwayson_scripts, over the recipe. Others must ask for nothing. */
void read_scripts(SdFields& fields, nlohmann::json& recipe);

}  // namespace corepulse::server
