#pragma once
// The guard between nlohmann's parser and our readers: depth limit, byte positions, our errors.

#include <string>
#include <string_view>

#include "io/json.h"

namespace corepulse::io {

/** Base of readers that take JSON event by event. Every event that a reader does not expect is an
 * error. */
class BoundedSax : public nlohmann::json_sax<Json> {
 public:
  /** `subject` (a file's name, or "") begins every message. */
  BoundedSax(std::string_view where, std::string_view subject, ErrorCode code, int depth)
      : where_(where), subject_(subject), code_(code), most_depth_(depth) {}

  /** Feeds `text` to the reader. @throws Error{code} for anything that is not JSON (RFC 8259,
   * UTF-8). */
  void parse(std::string_view text);

 protected:
  /** Throws Error{code}: message and the byte position reached. */
  [[noreturn]] void refuse(std::string_view message) const;
  void enter();
  void leave() { --depth_; }

 private:
  bool binary(binary_t&) override { return false; }  // not part of JSON text
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& error) override;

  std::string where_, subject_;
  ErrorCode code_;
  int most_depth_, depth_ = 0;
  const char *begin_ = nullptr, *at_ = nullptr;
};

}  // namespace corepulse::io
