#pragma once
// The place of a field in a recipe's JSON: "controls[0].when.sigma[1]".

#include <string>
#include <variant>
#include <vector>

#include "io/json.h"

namespace corepulse::sweep {

/** A field of an object, or a place in a list. */
using Step = std::variant<std::string, size_t>;

struct FieldPath {
  std::vector<Step> steps;
  /** The last name in it: "strength". */
  std::string last_name() const;
};

/**
 * Fields that controls alone have may be given without the control: "strength" is "controls[0].strength".
 * @throws Error{invalid_request} that quotes the text.
 */
FieldPath parse_path(const std::string& text);

/**
 * Sets it; fields on the way are made, places of lists must be there. Null takes the field away. `seed` and `seeds` are
 * one field. @throws Error{invalid_request} saying what is not there.
 */
void set_field(io::Json& recipe, const FieldPath& path, const io::Json& value);

/**
 * Before values are set: takes away what the recipe says of fields that this value decides. `few_steps` sets steps,
 * guidance, sampler, schedule and levels anew, and a sampler's name that says a schedule, "DPM++ 2M Karras", the
 * schedule beside it. An axis of such a field sets it afterwards, wherever it stands.
 */
void make_way(io::Json& recipe, const FieldPath& path, const io::Json& value);

}  // namespace corepulse::sweep
