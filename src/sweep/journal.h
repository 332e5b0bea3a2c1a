#pragma once
// What a sweep has done, line by line: {"sum":"1c291ca3","entry":{...}}. The sum is the entry's CRC-32, so that a line
// of which the disk has a part only is told from a whole one.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"

namespace corepulse::sweep {

constexpr const char* kJournalName = "journal.jsonl";

struct JournalText {
  std::vector<io::Json> entries;
  size_t good = 0;  ///< Bytes of the whole lines; what follows is the part of a line that was being written.
};

/** @throws Error{bad_file} naming the line, for one that is damaged and not the last. */
JournalText read_journal(std::string_view text, const std::string& name);

/** Of a folder, without a change to it; nothing if there is none. @throws Error bad_file, io. */
std::optional<JournalText> journal_in(const std::filesystem::path& folder);

/** A line with its sum and line end. */
std::string journal_line(const io::Json& entry);

/** Open for appending, by one process at a time. */
class Journal {
 public:
  /** Made if it is not there; a part of a line at its end is cut off. @throws Error bad_file; io, also if another
   * process has it open. */
  explicit Journal(const std::filesystem::path& folder);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  /** On the disk when it returns. @throws Error{io}: the journal is as it was before. */
  void append(const io::Json& entry);
  bool empty() const { return size_ == 0; }

 private:
  std::filesystem::path file_;
  int descriptor_ = -1;
  long long size_ = 0;
};

}  // namespace corepulse::sweep
