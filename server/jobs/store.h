#pragma once
// What must survive: jobs, pictures' names, uploads, the user's recipes. Each change is on the disk when a method
// returns.

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "jobs/job.h"
#include "jobs/sqlite.h"

namespace corepulse::server {

struct Upload {
  std::string id, type;  ///< "image/png", "image/jpeg", "image/webp", "application/x-safetensors", "application/x-npy".
  int64_t bytes = 0;
  int width = 0, height = 0;  ///< Of pictures.
  double created = 0;
};

constexpr int64_t kLeastUpload = 4096;  ///< Bytes: a file takes a block of the disk, and a row here.
/** Bytes that it is counted as. */
int64_t room_of(const Upload& upload);

struct HistoryItem {
  std::string job, picture, prompt, label;
  uint64_t seed = 0;
  int width = 0, height = 0;
  double created = 0;
  int64_t number = 0;  ///< Falls from item to item; `before` of the next page.
};

/** Any thread may use it. @throws Error{io} where the disk is full or broken: nothing has changed then. */
class Store {
 public:
  explicit Store(const std::filesystem::path& file);

  /** Gives the job its number. */
  void add(Job& job);
  /** State, times, attempts, recipe, error, pictures, heat maps: all of it or nothing. */
  void update(const Job& job);
  /** That alone, whatever else is being written of the job. */
  void mark_edited(int64_t number);
  std::optional<Job> job(const std::string& id);
  /** Queued and running ones, by number. */
  std::vector<Job> unfinished();
  /** With its pictures' rows. False: there is none. */
  bool remove(const std::string& id);
  std::map<std::string, int64_t> counts();  ///< By state.

  bool has_picture(const std::string& name);  ///< Or heat map.
  /** The newest first. @param query words that a prompt must hold, the last one perhaps unfinished; "": all.
   * @param before a number; 0: from the newest on. */
  std::vector<HistoryItem> history(const std::string& query, int64_t before, int limit);

  void add(const Upload& upload);
  std::optional<Upload> upload(const std::string& id);
  int64_t upload_room();  ///< Of all of them.
  /** The oldest that no unfinished job and no recipe of the user names, as many as make so much room; or all such. */
  std::vector<Upload> free_uploads(int64_t room);
  void remove_upload(const std::string& id);

  std::map<std::string, std::string> recipes();  ///< JSON by name.
  std::optional<std::string> recipe(const std::string& name);
  /** False: with it all recipes would hold more than so many bytes, each counted as 4096 at least. */
  bool put_recipe(const std::string& name, const std::string& json, int64_t most = INT64_MAX);
  bool remove_recipe(const std::string& name);

 private:
  std::mutex mutex_;
  Database database_;
};

}  // namespace corepulse::server
