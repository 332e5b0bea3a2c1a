#include "io/digest/digests.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>

#include "io/digest/sha256.h"
#include "io/file.h"
#include "io/kept.h"

namespace corepulse::io {
namespace {

constexpr size_t kPiece = size_t{4} << 20;
constexpr size_t kMostThreads = 32;

void check_unchanged(const MappedFiles& files) {
  for (const auto& file : files) file->check_unchanged();
}

}  // namespace

std::string kept_digest(const std::string& what, const MappedFiles& files,
                        const std::function<std::string()>& compute) {
  std::string key = what + "\n";
  bool known = true;
  for (const auto& file : files) {
    const auto identity = file->identity();
    known = known && identity;
    if (identity) key += *identity + "\n";
  }
  check_unchanged(files);  // before the bytes are touched: they may be gone
  const auto folder = known ? kept_folder("digests") : std::filesystem::path();
  if (const auto digest = find_kept(folder, key); digest && is_sha256(*digest)) return *digest;
  auto digest = compute();
  check_unchanged(files);
  keep(folder, key, digest);
  return digest;
}

std::string kept_sha256(const std::shared_ptr<const MappedFile>& file) {
  return kept_digest("SHA-256", {file}, [&] {
    Sha256 sum;
    for (auto rest = file->bytes(); !rest.empty();) {
      const auto piece = rest.first(std::min(kPiece, rest.size()));
      sum.update(piece);
      file->give_back(piece);
      rest = rest.subspan(piece.size());
    }
    return sum.hex();
  });
}

std::vector<std::string> sha256_of_each(std::span<const std::span<const std::byte>> pieces, const MappedFiles& files) {
  std::vector<std::string> digests(pieces.size());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i; (i = next++) < pieces.size();) {
      Sha256 sum;
      sum.update(pieces[i]);
      digests[i] = sum.hex();
      for (const auto& file : files) file->give_back(pieces[i]);
    }
  };
  const size_t cores = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kMostThreads);
  std::vector<std::thread> helpers;
  try {
    for (size_t i = 1; i < std::min(cores, pieces.size()); ++i) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // As many as the system gives.
  }
  work();
  for (auto& helper : helpers) helper.join();
  return digests;
}

}  // namespace corepulse::io
