#pragma once
// A1111's /sdapi/v1, for the programs that speak it (docs/server.md, "A1111's API").

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "api/api.h"
#include "sdapi/options.h"

namespace corepulse::server {

void add_sdapi(Router& router, Context& context);

// Its parts.
void add_sd_lists(Router& router, Context& context);
void add_sd_progress(Router& router, Context& context);  ///< And interrupt, skip.

/** As A1111 calls a recipe's sampler: a name of GET /sdapi/v1/samplers, or the same where that has none. */
std::string sd_sampler_name(const std::string& sampler);

/** What a request's answer says again. */
struct SdAsked {
  nlohmann::json parameters;       ///< The request's fields, but for what is long.
  std::vector<std::string> notes;  ///< See SdRecipe.
  bool send_images = true;
};
/** Of a finished job: images, parameters, info. */
Response sd_answer(const Job& job, const SdAsked& asked, const Folder& folder);

}  // namespace corepulse::server
