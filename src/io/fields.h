#pragma once
// The fields of one config.json: each is read with its range, and what nobody read can be listed.
//
//   const io::Fields fields(json, "config.json", {.part = "image encoder"});
//   const int width = fields.integer("hidden_size", 768, {1, 16384});

#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/error.h"

#include "io/json.h"

namespace corepulse::io {

/** A range of integers, both ends included. */
struct Range {
  int64_t least, most;
};

/** A field that this program has only some values of, written as a JSON list. Absent is right, and
 * so is a list of them. */
struct Fixed {
  const char* field;
  const char* values;
};

struct FieldsOptions {
  std::string_view part = {};  ///< What messages begin with, before the file: "image encoder"; "": the file does.
  bool nulls = true;           ///< null means the default, as an absent field; else it is wrong.
};

/**
 * Reads an untrusted JSON object; an absent field means the default. Messages name the file, the field and the value.
 * Errors: bad_file for a value that no program could use, unsupported_model for one that this program does not
 * implement.
 */
class Fields {
 public:
  Fields(const Json& object, std::string where, FieldsOptions options = {});

  bool has(const char* name) const;      ///< Present and not null.
  bool is_null(const char* name) const;  ///< Present and null.
  int integer(const char* name, int fallback, Range range) const;
  int integer(const char* name, Range range) const;  ///< One that must be there.
  double number(const char* name, double fallback, double least, double most) const;
  bool flag(const char* name, bool fallback) const;
  std::string text(const char* name, const char* fallback) const;
  /** `count` integers; one number in the file stands for all of them. */
  std::vector<int> integers(const char* name, int fallback, size_t count, Range range) const;
  /** `count` lists of integers; a number in the place of a list is one of itself, and one number stands for all. */
  std::vector<std::vector<int>> nested(const char* name, int fallback, size_t count, Range range) const;
  /** `count` flags; one in the file stands for all of them. */
  std::vector<bool> flags(const char* name, bool fallback, size_t count) const;
  /** A list of any length within the limits. */
  std::vector<int> list(const char* name, const std::vector<int>& fallback, size_t most, Range range) const;
  std::vector<double> numbers(const char* name, size_t most) const;  ///< Empty if absent.
  std::vector<std::string> texts(const char* name, const std::vector<std::string>& fallback, size_t most) const;
  /** A value that is one number, or a list whose numbers are all equal. */
  int uniform(const char* name, int fallback, Range range) const;

  bool allows(const Fixed& fixed) const;
  void require(std::span<const Fixed> fixed) const;
  void ignore(std::span<const char* const> names) const;

  /** Fields that were neither read nor ignored (those beginning with '_' left out). */
  std::vector<std::string> unread() const;

  [[noreturn]] void bad(const char* name, std::string_view expected) const;
  [[noreturn]] void unsupported(const char* name, std::string_view expected) const;
  const std::string& where() const { return where_; }

 private:
  const Json* find(const char* name) const;
  std::string shown(const char* name) const;
  [[noreturn]] void refuse(ErrorCode code, const std::string& message) const;
  int to_integer(const char* name, const Json& value, Range range) const;

  const Json& object_;
  std::string where_, part_;
  bool nulls_;
  mutable std::set<std::string, std::less<>> read_;
};

}  // namespace corepulse::io
