#include "sweep/journal.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fail.h"
#include "io/file.h"

namespace corepulse::sweep {

namespace {

constexpr std::string_view kHead = "{\"sum\":\"", kMiddle = "\",\"entry\":", kTail = "}";
constexpr size_t kDigits = 8;
constexpr size_t kMostBytes = size_t{4} << 30;

std::string sum_of(std::string_view text) {
  return fmt::format("{:08x}", crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

/** The entry of a line without its end, if the line is whole. */
std::optional<io::Json> entry_in(std::string_view line) {
  constexpr size_t begin = kHead.size() + kDigits + kMiddle.size();
  if (line.size() < begin + kTail.size() || !line.starts_with(kHead) || !line.ends_with(kTail) ||
      line.substr(kHead.size() + kDigits, kMiddle.size()) != kMiddle)
    return {};
  const auto entry = line.substr(begin, line.size() - begin - kTail.size());
  if (line.substr(kHead.size(), kDigits) != sum_of(entry)) return {};
  try {
    return io::parse_json(entry, kJournalName);
  } catch (const Error&) {
    return {};
  }
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const auto n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw errno;
    text.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace

std::string journal_line(const io::Json& entry) {
  const auto text = entry.dump();
  return fmt::format("{}{}{}{}{}\n", kHead, sum_of(text), kMiddle, text, kTail);
}

JournalText read_journal(std::string_view text, const std::string& name) {
  JournalText out;
  const auto begin = text.substr(0, kHead.size());
  if (begin != kHead.substr(0, begin.size()))
    fail(ErrorCode::bad_file, "journal", fmt::format("{} is no sweep's; expected another folder", name));
  while (out.good < text.size()) {
    const auto end = text.find('\n', out.good);
    if (end == text.npos) break;  // a part of the last line
    auto entry = entry_in(text.substr(out.good, end - out.good));
    const bool last = end + 1 == text.size();
    if (!entry && !last)
      fail(ErrorCode::bad_file, "journal",
           fmt::format("line {} of {} is damaged; take the line out, and --resume draws its cell again",
                       out.entries.size() + 1, name));
    if (!entry) break;
    out.entries.push_back(*std::move(entry));
    out.good = end + 1;
  }
  return out;
}

std::optional<JournalText> journal_in(const std::filesystem::path& folder) {
  const auto file = folder / kJournalName;
  if (!io::is_there(file)) return {};
  return read_journal(io::read_file(file, kMostBytes), io::shown(file));
}

Journal::Journal(const std::filesystem::path& folder) : file_(folder / kJournalName) {
  const bool made = !io::is_there(file_);
  descriptor_ = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (descriptor_ < 0)
    fail(ErrorCode::io, "journal", fmt::format("cannot write {}: {}", io::shown(file_), std::strerror(errno)));
  try {
    // Some file systems of clusters know no locks: there it is for the user to start one process a folder.
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
      fail(ErrorCode::io, "journal",
           fmt::format("another process draws into {}; expected a folder of its own", io::shown(folder)));
    size_ = static_cast<long long>(journal_in(folder)->good);
    if (::ftruncate(descriptor_, size_) != 0)
      fail(ErrorCode::io, "journal", fmt::format("cannot write {}: {}", io::shown(file_), std::strerror(errno)));
    const int parent = made ? ::open(folder.c_str(), O_RDONLY | O_CLOEXEC) : -1;
    if (parent >= 0) ::fsync(parent), ::close(parent);  // the name, too, shall be on the disk
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Journal::~Journal() {
  ::close(descriptor_);
}

void Journal::append(const io::Json& entry) {
  const auto line = journal_line(entry);
  try {
    write_all(descriptor_, line);
    if (::fsync(descriptor_) != 0) throw errno;
  } catch (const int error) {
    (void)!::ftruncate(descriptor_, size_);  // if not: reading ignores a part of a line, and so does the next open
    fail(ErrorCode::io, "journal",
         fmt::format("cannot write {}: {}; what was drawn before is kept, --resume goes on", io::shown(file_),
                     std::strerror(error)));
  }
  size_ += static_cast<long long>(line.size());
}

}  // namespace corepulse::sweep
