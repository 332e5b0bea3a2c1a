#pragma once
// The one exception of the library: a code for programs, a sentence for people.
//
//   try { ... } catch (const corepulse::Error& e) { return corepulse::exit_status(e.code()); }

#include <stdexcept>
#include <string>

namespace corepulse {

/** Why something failed. Each code has one exit status and one HTTP status. */
enum class ErrorCode {
  invalid_request,    ///< A value the caller gave is wrong: size, sampler, prompt, recipe field.
  not_found,          ///< A file, folder or model that was named does not exist.
  bad_file,           ///< A file exists but is damaged, hostile, or not of the format it claims.
  unsupported_model,  ///< A valid model that this program cannot run, or lacks a part of.
  io,                 ///< Reading or writing failed: permissions, full disk.
  out_of_memory,      ///< The run cannot fit; the message holds the estimate.
  cancelled,          ///< The caller's callback asked to stop.
  internal            ///< A defect of the library, or a failure inside MLX.
};

/** A failure. what() reads "[where] what happened; what was expected; remedy". */
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

/** The code's name as spelled above, e.g. "bad_file". */
const char* name(ErrorCode code) noexcept;
/** Process exit status, 2..9; 0 is success and 1 is left to the shell. */
int exit_status(ErrorCode code) noexcept;
/** HTTP status, e.g. 400 for invalid_request, 507 for out_of_memory. */
int http_status(ErrorCode code) noexcept;

}  // namespace corepulse
