#pragma once
// A job: a recipe on its way to pictures.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corepulse::server {

enum class JobState { queued, running, done, failed, cancelled, interrupted };
const char* name(JobState state) noexcept;
std::optional<JobState> job_state(std::string_view name);
inline bool is_final(JobState state) {
  return state != JobState::queued && state != JobState::running;
}

/** JobPicture::label of a sweep's sheet. */
inline constexpr const char* kSheetLabel = "sheet";

/** A finished picture; its file is Folder::picture(name). */
struct JobPicture {
  std::string name;  ///< "JOB-0".
  int64_t index = 0;
  uint64_t seed = 0;
  int width = 0, height = 0;
  std::string label;  ///< Of a sweep: its cell's values. "sheet": all cells side by side.
};

struct JobHeatMap {
  std::string name, word;  ///< Its file is Folder::picture(name).
  int image = 0;           ///< Index of the picture it lies over.
};

struct JobError {
  int status = 500;
  std::string code, detail;
};

/** What is asked for. */
struct Submission {
  std::string kind = "generate";       ///< Or "sweep".
  std::string recipe;                  ///< generate: JSON, with the client's names for files.
  std::string sweep;                   ///< sweep: docs/sweeps.md's JSON.
  int priority = 0;                    ///< -100..100; higher ones are drawn before.
  int previews = 1;                    ///< Every so many steps; 0: none.
  std::vector<std::string> heat_maps;  ///< Words of the prompt to see: captures behind the recipe's controls.
  std::string origin = "v1";           ///< Which API asked.
};

struct Job {
  std::string id;
  int64_t number = 0;  ///< In order of arrival.
  Submission asked;
  JobState state = JobState::queued;
  int position = 0;                               ///< Jobs before it; 0 unless queued.
  double created = 0, started = 0, finished = 0;  ///< Unix time in seconds; 0: not yet.
  int attempts = 0;                               ///< How often it was begun.
  bool edited = false;  ///< Its controls were changed while it ran: nobody else can draw the same again.
  int step = 0, steps = 0, pass = 1, passes = 1;
  double sigma = 0;
  std::string prompt;    ///< For lists and search.
  std::string resolved;  ///< JSON of the recipe as it is drawn, with the client's names; "" before that is known.
  std::vector<std::string> notes;
  std::optional<JobError> error;
  std::vector<JobPicture> pictures;
  std::vector<JobHeatMap> heat_maps;
};

/** As docs/server.md has it. */
nlohmann::json to_json(const Job& job);
/** @throws Problem where the job failed or was ended. */
void check_drawn(const Job& job);
/** Reads the body of POST /v1/jobs. @throws Problem 400. */
Submission submission_of(const nlohmann::json& body);

}  // namespace corepulse::server
