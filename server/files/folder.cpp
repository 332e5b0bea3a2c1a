#include "files/folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "corepulse/error.h"

#include "http/problem.h"

namespace corepulse::server {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail_file(const fs::path& file, int error) {
  throw Error(ErrorCode::io, fmt::format("[data] {}: {}", file.string(), std::strerror(error)));
}

/** A file that is closed whatever happens. */
struct Descriptor {
  int number = -1;
  explicit Descriptor(int opened) : number(opened) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

bool write_all(int file, const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const auto written = ::write(file, bytes.data() + at, bytes.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    at += static_cast<size_t>(written);
  }
  return ::fsync(file) == 0;
}

/** A new name in a folder is on the disk when the folder is. Some file systems know of no such thing. */
bool flush_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.number >= 0 && (::fsync(opened.number) == 0 || errno == EINVAL || errno == ENOTSUP);
}

constexpr size_t kIdLetters = 26;
constexpr size_t kPiece = size_t{256} << 10;

/** What write_file had not renamed when the process was killed. */
void remove_half_written(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored))
    if (at->path().extension().string().size() == 1 + kIdLetters) found.push_back(at->path());
  for (const auto& file : found) fs::remove(file, ignored);
}

struct FilePart {
  size_t size = 0;  // of the whole file
  std::string bytes;
};

/** So many bytes from there on, fewer at the end. @throws Problem 404. */
FilePart read_part(const fs::path& file, size_t begin, size_t most) {
  const Descriptor from(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat info{};
  if (from.number < 0 || ::fstat(from.number, &info) != 0 || !S_ISREG(info.st_mode))
    throw missing("[file] it is not there any more");
  const auto size = static_cast<size_t>(info.st_size);
  std::string bytes(std::min(size - std::min(begin, size), most), '\0');
  size_t at = 0;
  while (at < bytes.size()) {
    const auto got = ::pread(from.number, bytes.data() + at, bytes.size() - at, static_cast<off_t>(begin + at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_file(file.filename(), errno);
    if (got == 0) break;
    at += static_cast<size_t>(got);
  }
  bytes.resize(at);
  return {size, std::move(bytes)};
}

const std::string& checked_name(const std::string& name) {
  if (!is_name(name)) throw missing("[name] there is no such picture or file");
  return name;
}

}  // namespace

Folder::Folder(const fs::path& root) : root_(root) {
  std::error_code error;
  for (const char* part : {"", "uploads", "pictures", "thumbs"}) {
    fs::create_directories(root_ / part, error);
    if (error) throw Error(ErrorCode::io, fmt::format("[data] {}: {}", (root_ / part).string(), error.message()));
  }
  ::chmod(root_.c_str(), 0700);  // prompts and pictures are their user's own
  lock_ = ::open((root_ / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock_ < 0) fail_file(root_ / "lock", errno);
  if (::flock(lock_, LOCK_EX | LOCK_NB) == 0) {
    for (const char* part : {"uploads", "pictures", "thumbs"}) remove_half_written(root_ / part);
    return;
  }
  ::close(lock_);
  throw Error(
      ErrorCode::invalid_request,
      fmt::format("[data] another server uses {}; expected a folder of its own: --data FOLDER", root_.string()));
}

Folder::~Folder() {
  ::close(lock_);
}

fs::path Folder::picture(const std::string& name) const {
  return root_ / "pictures" / (checked_name(name) + ".png");
}

fs::path Folder::thumb(const std::string& name) const {
  return root_ / "thumbs" / (checked_name(name) + ".jpg");
}

fs::path Folder::upload(const std::string& id) const {
  return root_ / "uploads" / checked_name(id);
}

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= 80 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

std::string new_id() {
  static thread_local std::random_device random;
  std::string id;
  for (size_t i = 0; i < kIdLetters; ++i) id += "abcdefghijklmnopqrstuvwxyz234567"[random() % 32];
  return id;
}

std::string read_file(const fs::path& file) {
  return read_part(file, 0, SIZE_MAX).bytes;
}

Pieces pieces_of_file(const fs::path& file) {
  return {read_part(file, 0, 0).size, [file, at = size_t{0}]() mutable {
            auto piece = read_part(file, at, kPiece).bytes;
            at += piece.size();
            return piece;
          }};
}

void write_file(const fs::path& file, const std::string& bytes) {
  const auto temporary = fs::path(file.string() + "." + new_id());
  const auto give_up = [&](int error) {
    ::unlink(temporary.c_str());
    fail_file(file.filename(), error);
  };
  {
    const Descriptor to(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (to.number < 0) fail_file(file.filename(), errno);
    if (!write_all(to.number, bytes)) give_up(errno);
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) give_up(errno);
  if (!flush_folder(file.parent_path())) fail_file(file.filename(), errno);
}

}  // namespace corepulse::server
