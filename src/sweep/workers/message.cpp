#include "sweep/workers/message.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "io/digest/sha256.h"

namespace corepulse::sweep {

namespace {

constexpr size_t kMostFiles = 1000;

[[noreturn]] void no_message(const std::string& why) {
  fail(ErrorCode::bad_file, "sweep", fmt::format("a message between coordinator and worker {}", why));
}

}  // namespace

std::string message_of(io::Json head, const std::vector<std::string_view>& files) {
  auto sizes = io::Json::array();
  for (const auto file : files) sizes.push_back(file.size());
  head["files"] = std::move(sizes);
  auto text = head.dump() + "\n";
  for (const auto file : files) text += file;
  return text;
}

Message read_message(std::string_view text) {
  const auto line = text.find('\n');
  if (line == text.npos) no_message("has no first line");
  Message out{io::parse_json(text.substr(0, line), "sweep"), {}};
  if (!out.head.is_object() || !out.head.contains("files") || !out.head["files"].is_array() ||
      out.head["files"].size() > kMostFiles)
    no_message("does not say how long its files are");
  auto rest = text.substr(line + 1);
  for (const auto& size : out.head["files"]) {
    if (!size.is_number_unsigned() || size.get<uint64_t>() > rest.size()) no_message("is cut off");
    out.files.push_back(rest.substr(0, size.get<size_t>()));
    rest.remove_prefix(size.get<size_t>());
  }
  if (!rest.empty()) no_message("is longer than it says");
  return out;
}

std::string sweep_sha256(const Sweep& sweep) {
  return io::sha256_of(to_json(sweep, -1));
}

void check_sweep(const io::Json& head, const std::string& sha256) {
  const auto at = head.find("sweep");
  if (at == head.end() || *at != sha256) no_message("is of another sweep; expected workers of the coordinator's");
}

std::string message_of_failure(const std::string& sweep_sha256, const Error& error) {
  return message_of({{"sweep", sweep_sha256}, {"failed", {{"code", name(error.code())}, {"what", error.what()}}}}, {});
}

void throw_failure(const io::Json& head) {
  const auto failed = head.find("failed");
  if (failed == head.end()) return;
  const auto text = [&](const char* field) {
    if (!failed->is_object() || !failed->contains(field) || !(*failed)[field].is_string())
      no_message("does not say what failed");
    return (*failed)[field].get<std::string>();
  };
  for (int code = 0; code < int(ErrorCode::internal); ++code)
    if (text("code") == name(ErrorCode(code))) throw Error(ErrorCode(code), text("what"));
  throw Error(ErrorCode::internal, text("what"));
}

}  // namespace corepulse::sweep
