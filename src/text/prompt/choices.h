#pragma once
// Choices at random in a prompt: {a|b}.

#include <cstdint>
#include <string>
#include <string_view>

namespace corepulse::text {

/**
 * The prompt with each `{a|b|...}` replaced by one of its parts, which may hold others; braces without a bar, and
 * escaped ones, stay. The same seed and prompt give the same text on every machine; `seed` goes on to the next
 * prompt's.
 * @throws Error{invalid_request} for braces nested too deep.
 */
std::string choose(std::string_view written, uint64_t& seed);

}  // namespace corepulse::text
