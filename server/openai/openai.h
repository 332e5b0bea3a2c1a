#pragma once
// OpenAI's images API, for the programs that speak it (docs/server.md, "OpenAI's images API").

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "api/api.h"
#include "http/problem.h"

namespace corepulse::server {

/** POST /v1/images/generations and /v1/images/edits. GET /v1/models (api/models.cpp) answers OpenAI's clients, too. */
void add_openai(Router& router, Context& context);

// Its parts.
/** How pictures are to be answered. */
struct ImagesAsked {
  std::string format = "png";  ///< Or "jpeg", "webp".
  bool urls = false;           ///< Addresses instead of base64.
  std::string host;            ///< By which the client called this server.
  bool stream = false;
  int partial_images = 0;
  const char* events = "image_generation";  ///< What a stream's events are called: "image_generation.completed".
  std::string quality = "auto";
  std::vector<std::string> notes;  ///< What the request says and is not heeded.
};

/**
 * What the request says, with the fields of its "corepulse" over it.
 * @param body an object; of a form all values are texts. @param init the recipe's; null: none. @throws Problem 400,
 * 404.
 */
nlohmann::json recipe_of_openai(const nlohmann::json& body, Context& context, nlohmann::json init = nullptr);
/** @throws Problem 400. */
ImagesAsked images_asked(const nlohmann::json& body, const Request& request);
/** Draws; answers when it is done, or with a stream of previews. */
Response draw_images(const nlohmann::json& recipe, const ImagesAsked& asked, Context& context);
/** PNG bytes in another format. */
std::string in_format(const std::string& png, const std::string& format);
/** {error: {message, type, param, code}}. */
Response openai_error(const Problem& problem);
nlohmann::json openai_error_json(const Problem& problem);
/** The usage that OpenAI's clients expect; nothing is counted here. */
nlohmann::json no_tokens();
/** What is told beside what OpenAI's answers have: the job, and what of the request is not in its pictures. */
nlohmann::json answer_notes(const Job& job, const ImagesAsked& asked);
/** {created, data, ...}. @throws as check_drawn. */
nlohmann::json images_answer(const Job& job, const ImagesAsked& asked, const Folder& folder);

}  // namespace corepulse::server
