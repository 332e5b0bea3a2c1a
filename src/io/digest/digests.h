#pragma once
// Digests of files too large to read again each time: what was computed is kept for as long as a file stays as it is.

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace corepulse::io {

class MappedFile;
using MappedFiles = std::vector<std::shared_ptr<const MappedFile>>;

/**
 * What `compute` makes of these files, or made of them before. @param what tells it from other things computed from the
 * same files. @throws Error{bad_file} if a file was changed since it was mapped; what `compute` throws.
 */
std::string kept_digest(const std::string& what, const MappedFiles& files, const std::function<std::string()>& compute);

/** sha256_file of a mapped file, kept. */
std::string kept_sha256(const std::shared_ptr<const MappedFile>& file);

/** SHA-256 of each piece, on all cores; the memory behind the pieces is given back to the files that hold them. */
std::vector<std::string> sha256_of_each(std::span<const std::span<const std::byte>> pieces, const MappedFiles& files);

}  // namespace corepulse::io
