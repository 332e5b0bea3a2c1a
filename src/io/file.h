#pragma once
// Files as the rest of the library uses them: read whole, mapped, or written so that a failure
// leaves the old file.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

namespace corepulse::io {

/** A path of unknown origin inside a message. */
std::string shown(const std::filesystem::path& path);

/** ".png" of "A.PNG". */
std::string lower_extension(const std::filesystem::path& file);

/** Whether something of this name can be seen; false also where a folder may not be read. */
bool is_there(const std::filesystem::path& path);

/** The whole file. @throws Error not_found, io, or bad_file (not a regular file, more than `most`
 * bytes). */
std::string read_file(const std::filesystem::path& file, size_t most);

/** The whole file, 1 MB at a time. @throws as read_file. */
void read_in_pieces(const std::filesystem::path& file, const std::function<void(std::span<const std::byte>)>& take);

/** A regular file mapped read-only; FIFOs, folders and devices are refused. */
class MappedFile {
 public:
  /** @throws Error not_found, io or bad_file naming the file. */
  static std::shared_ptr<const MappedFile> open(const std::filesystem::path& file);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

  /**
   * Throws Error{bad_file} if the file was written to or cut since it was opened. Call it before
   * touching the bytes again after a pause: reading beyond the end of a file that was cut kills the
   * process.
   */
  void check_unchanged() const;

  /**
   * Tells this state of the file from any other: its path, size, times and inode. None within 2 seconds of its last
   * change, in which another change might not show in the times.
   */
  std::optional<std::string> identity() const;

  /** The memory behind bytes of this file that will hardly be read again; no matter whose bytes they are. */
  void give_back(std::span<const std::byte> bytes) const;

 private:
  MappedFile() = default;
  std::filesystem::path file_;
  int descriptor_ = -1;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int64_t modified_ = 0;  ///< Nanoseconds.
  std::optional<std::string> identity_;
};

/**
 * A file in the making: written under a temporary name in the same folder; commit() gives it its
 * name in one step. Without commit() the destructor removes it, and a file of that name stays as it
 * was. A symbolic link is followed.
 */
class AtomicFile {
 public:
  /** @throws Error not_found (no such folder) or io. */
  explicit AtomicFile(const std::filesystem::path& file);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  /** Flushes to the disk and renames. @throws Error io; the file is then not replaced. */
  void commit();

 private:
  [[noreturn]] void fail_writing(int error) const;
  std::filesystem::path shown_, target_, temporary_;
  int descriptor_ = -1;
};

/** Writes a whole file atomically. */
void write_file(const std::filesystem::path& file, std::span<const std::byte> bytes);

/** Throws what writing `file` would throw, without touching a file of that name: to be asked before
 * a long run. */
void check_writable(const std::filesystem::path& file);

}  // namespace corepulse::io
