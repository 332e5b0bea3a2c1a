#pragma once
// Text in a gzip file: facts that are kept in the repository.

#include <filesystem>
#include <string>
#include <string_view>

namespace corepulse::efficacy {

/** The same text makes the same bytes. @throws Error io. */
void write_gz(const std::filesystem::path& file, std::string_view text);
/** @throws Error not_found, bad_file (damaged, or more than `most` bytes of text). */
std::string read_gz(const std::filesystem::path& file, size_t most);

}  // namespace corepulse::efficacy
