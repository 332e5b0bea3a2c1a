#include "io/file.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "base/ascii.h"
#include "base/fail.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace fs = std::filesystem;
namespace {

std::string reason(int error) {
  return std::generic_category().message(error);
}

const char* kind(mode_t mode) {
  return S_ISDIR(mode) ? "a folder" : S_ISFIFO(mode) ? "a pipe" : S_ISSOCK(mode) ? "a socket" : "a device";
}

int64_t nanoseconds(const struct timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

#ifdef __APPLE__
int64_t modified(const struct stat& s) {
  return nanoseconds(s.st_mtimespec);
}
int64_t changed(const struct stat& s) {
  return nanoseconds(s.st_ctimespec);
}
#else
int64_t modified(const struct stat& s) {
  return nanoseconds(s.st_mtim);
}
int64_t changed(const struct stat& s) {
  return nanoseconds(s.st_ctim);
}
#endif

// The time of change tells even of a file whose time of modification was set back.
std::optional<std::string> identity_of(const fs::path& file, const struct stat& s) {
  constexpr int64_t kYoung = 2'000'000'000;  // the coarsest clock of a file system in use
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  if (nanoseconds(now) - std::max(modified(s), changed(s)) < kYoung) return {};
  std::error_code error;
  const auto path = fs::canonical(file, error);
  return fmt::format("{} {} {} {} {} {}", s.st_size, modified(s), changed(s), s.st_dev, s.st_ino,
                     error ? file.native() : path.native());
}

struct Descriptor {
  int fd = -1;
  explicit Descriptor(int number) : fd(number) {}
  Descriptor(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  int release() { return std::exchange(fd, -1); }
};

// Opens a regular file; O_NONBLOCK, since opening a FIFO would wait for its writer.
int open_regular(const fs::path& file, struct stat& status) {
  Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (opened.fd < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR || error == ELOOP) {
      std::error_code ignored;
      const bool link = fs::is_symlink(fs::symlink_status(file, ignored));
      fail(ErrorCode::not_found, "file",
           fmt::format("{}: {}; expected a file", shown(file), link ? "a link to nothing" : "does not exist"));
    }
    fail(ErrorCode::io, "file", fmt::format("{}: cannot be opened ({})", shown(file), reason(error)));
  }
  if (::fstat(opened.fd, &status) != 0)
    fail(ErrorCode::io, "file", fmt::format("{}: cannot be read ({})", shown(file), reason(errno)));
  if (!S_ISREG(status.st_mode))
    fail(ErrorCode::bad_file, "file",
         fmt::format("{}: is {}; expected a regular file", shown(file), kind(status.st_mode)));
  return opened.release();
}

// Where the bytes go: links are followed, anything but a regular file is refused (renaming over
// /dev/null would remove it).
fs::path resolved_target(const fs::path& file) {
  std::error_code error;
  if (file.empty() || !file.has_filename())
    fail(ErrorCode::io, "file", fmt::format("\"{}\": is no file name; expected one", shown(file)));
  fs::path target = file;
  for (int hops = 0; fs::is_symlink(fs::symlink_status(target, error)); ++hops) {
    if (hops == 40) fail(ErrorCode::io, "file", fmt::format("{}: too many links", shown(file)));
    target = target.parent_path() / fs::read_symlink(target, error);
  }
  struct stat status{};
  if (::stat(target.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode))
      fail(ErrorCode::io, "file",
           fmt::format("{}: is {}; expected the name of a file", shown(file), kind(status.st_mode)));
    if (::faccessat(AT_FDCWD, target.c_str(), W_OK, AT_EACCESS) != 0)
      fail(ErrorCode::io, "file", fmt::format("{}: cannot be written ({})", shown(file), reason(errno)));
  }
  return target;
}

}  // namespace

std::string shown(const fs::path& path) {
  return printable(path.native(), 300);
}

std::string lower_extension(const fs::path& file) {
  auto extension = file.extension().string();
  std::ranges::transform(extension, extension.begin(), lower);
  return extension;
}

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

void read_in_pieces(const fs::path& file, const std::function<void(std::span<const std::byte>)>& take) {
  struct stat status{};
  const Descriptor opened(open_regular(file, status));
  std::vector<std::byte> piece(1u << 20);
  for (;;) {
    const ssize_t got = ::read(opened.fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorCode::io, "file", fmt::format("{}: cannot be read ({})", shown(file), reason(errno)));
    if (got == 0) return;
    take(std::span(piece).first(static_cast<size_t>(got)));
  }
}

std::string read_file(const fs::path& file, size_t most) {
  std::string bytes;
  // Counted while reading: the size that the file system tells may be 0 (/proc) or grow.
  read_in_pieces(file, [&](std::span<const std::byte> piece) {
    if (piece.size() > most - bytes.size())
      fail(ErrorCode::bad_file, "file",
           fmt::format("{}: has more than {} bytes, the most allowed here", shown(file), most));
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return bytes;
}

std::shared_ptr<const MappedFile> MappedFile::open(const fs::path& file) {
  struct stat status{};
  const std::shared_ptr<MappedFile> mapped(new MappedFile);
  mapped->descriptor_ = open_regular(file, status);
  mapped->file_ = file;
  mapped->modified_ = modified(status);
  mapped->identity_ = identity_of(file, status);
  mapped->size_ = static_cast<size_t>(status.st_size);
  if (mapped->size_ == 0) return mapped;
  void* data = ::mmap(nullptr, mapped->size_, PROT_READ, MAP_PRIVATE, mapped->descriptor_, 0);
  if (data == MAP_FAILED) {
    const int error = errno;
    mapped->size_ = 0;
    fail(ErrorCode::io, "file", fmt::format("{}: cannot be mapped ({})", shown(file), reason(error)));
  }
  mapped->data_ = static_cast<const std::byte*>(data);
  return mapped;
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
  if (descriptor_ >= 0) ::close(descriptor_);
}

void MappedFile::check_unchanged() const {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0 || static_cast<size_t>(status.st_size) != size_ ||
      modified(status) != modified_)
    fail(ErrorCode::bad_file, "file",
         fmt::format("{}: was changed while in use; expected the file as it was opened; load it again", shown(file_)));
}

std::optional<std::string> MappedFile::identity() const {
  return identity_;
}

void MappedFile::give_back(std::span<const std::byte> bytes) const {
  if (bytes.empty() || bytes.data() < data_ || bytes.data() + bytes.size() > data_ + size_) return;
  // Whole pages only: others may hold a neighbour. What is read again comes from the file again.
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(bytes.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<uintptr_t>(bytes.data() + bytes.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

AtomicFile::AtomicFile(const fs::path& file) : shown_(file), target_(resolved_target(file)) {
  static std::atomic<unsigned> count{0};
  const fs::path folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  for (int tries = 0; descriptor_ < 0; ++tries) {
    temporary_ = folder / fmt::format(".corepulse-{}-{}.tmp", ::getpid(), count++);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ >= 0 || (errno == EEXIST && tries < 1000)) continue;
    const int error = errno;
    std::error_code ignored;
    if (fs::is_directory(folder, ignored) && error == ENOENT)  // as /proc answers
      fail(ErrorCode::io, "file",
           fmt::format("{}: the folder {} takes no new files; choose another", shown(file), shown(folder)));
    if (error == ENOENT || error == ENOTDIR)
      fail(ErrorCode::not_found, "file",
           fmt::format("{}: the folder {} does not exist; create it first", shown(file), shown(folder)));
    fail_writing(error);
  }
  // The name itself is tried now too: a name too long for the file system would else fail only
  // after the run.
  struct stat status{};
  if (::lstat(target_.c_str(), &status) != 0 && errno != ENOENT) {
    const int error = errno;
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
    fail_writing(error);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail_writing(int error) const {
  fail(ErrorCode::io, "file", fmt::format("{}: cannot be written ({})", shown(shown_), reason(error)));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(descriptor_, bytes.data(), std::min<size_t>(bytes.size(), 1u << 30));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail_writing(errno);
    bytes = bytes.subspan(static_cast<size_t>(done));
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) fail_writing(errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_writing(errno);
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_writing(errno);
  temporary_.clear();
  // So that the new name survives a power cut; some file systems cannot, and the file is complete
  // either way.
  const Descriptor folder(
      ::open(target_.has_parent_path() ? target_.parent_path().c_str() : ".", O_RDONLY | O_CLOEXEC));
  if (folder.fd >= 0) ::fsync(folder.fd);
}

void write_file(const fs::path& file, std::span<const std::byte> bytes) {
  AtomicFile out(file);
  out.write(bytes);
  out.commit();
}

void check_writable(const fs::path& file) {
  const AtomicFile trial(file);
}

}  // namespace corepulse::io
