#pragma once
// text_encoder/config.json.

#include <string_view>

#include "io/json.h"
#include "text/config.h"

namespace corepulse::text {

/**
 * The config of a CLIPTextModel or CLIPTextModelWithProjection as transformers writes it.
 * @param where the file's name, for messages.
 * @throws Error{bad_file} naming the field that is missing, of the wrong type or out of range, or
 *   Error{unsupported_model} for another kind of model or activation.
 */
Config config_from_json(const io::Json& json, std::string_view where);

}  // namespace corepulse::text
