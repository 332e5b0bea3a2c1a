#pragma once
// JSON to the values of a recipe: strict, and every error says where.

#include "control/quote.h"
#include "control/recipe/region_fields.h"
#include "io/json.h"

namespace corepulse::control {

using io::Json;

/** "a text", "the number 3", ...: what stands there, for messages. */
std::string what_is(const Json& json);

/** "the word cta; valid: cat, dog (did you mean cat?)" at path. */
[[noreturn]] void refuse_word(const std::string& path, const std::string& what, const std::string& given,
                              const std::vector<std::string>& valid);

std::string join(const std::string& path, const std::string& field);

void read(const Json& json, std::string& out, const std::string& path);
void read(const Json& json, bool& out, const std::string& path);
void read(const Json& json, int& out, const std::string& path);
void read(const Json& json, unsigned& out, const std::string& path);
void read(const Json& json, uint64_t& out, const std::string& path);
/** Finite numbers only. */
void read(const Json& json, double& out, const std::string& path);
void read(const Json& json, Curve& out, const std::string& path);
void read(const Json& json, Window& out, const std::string& path);
void read(const Json& json, Region& out, const std::string& path);
void read(const Json& json, SamplerKind& out, const std::string& path);
void read(const Json& json, ScheduleKind& out, const std::string& path);
void read(const Json& json, NoiseKind& out, const std::string& path);
void read(const Json& json, Compat& out, const std::string& path);
void read(const Json& json, corepulse::Control& out, const std::string& path);

}  // namespace corepulse::control
