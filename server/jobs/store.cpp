#include "jobs/store.h"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "corepulse/error.h"

namespace corepulse::server {
namespace {

using nlohmann::json;

constexpr int64_t kSchema = 1;
constexpr const char* kTables = R"(
CREATE TABLE jobs(number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
  asked TEXT NOT NULL, prompt TEXT NOT NULL, resolved TEXT NOT NULL, details TEXT NOT NULL,
  created REAL NOT NULL, started REAL NOT NULL, finished REAL NOT NULL, attempts INTEGER NOT NULL, edited INTEGER NOT NULL);
CREATE INDEX jobs_by_state ON jobs(state);
CREATE TABLE pictures(number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,
  job INTEGER NOT NULL REFERENCES jobs(number) ON DELETE CASCADE, place INTEGER NOT NULL, seed TEXT NOT NULL,
  width INTEGER NOT NULL, height INTEGER NOT NULL, label TEXT NOT NULL, created REAL NOT NULL);
CREATE INDEX pictures_by_job ON pictures(job);
CREATE TABLE maps(name TEXT PRIMARY KEY, job INTEGER NOT NULL REFERENCES jobs(number) ON DELETE CASCADE,
  word TEXT NOT NULL, image INTEGER NOT NULL);
CREATE INDEX maps_by_job ON maps(job);
CREATE TABLE uploads(id TEXT PRIMARY KEY, type TEXT NOT NULL, bytes INTEGER NOT NULL, width INTEGER NOT NULL,
  height INTEGER NOT NULL, created REAL NOT NULL);
CREATE TABLE recipes(name TEXT PRIMARY KEY, json TEXT NOT NULL);
CREATE VIRTUAL TABLE prompts USING fts5(prompt);
PRAGMA user_version=1;
)";

json to_json(const Submission& asked) {
  return {{"kind", asked.kind},         {"recipe", asked.recipe},     {"sweep", asked.sweep},
          {"priority", asked.priority}, {"previews", asked.previews}, {"heat_maps", asked.heat_maps},
          {"origin", asked.origin}};
}

Submission submission(const std::string& text) {
  const auto value = json::parse(text);
  Submission asked;
  value.at("kind").get_to(asked.kind);
  value.at("recipe").get_to(asked.recipe);
  value.at("sweep").get_to(asked.sweep);
  value.at("priority").get_to(asked.priority);
  value.at("previews").get_to(asked.previews);
  value.at("heat_maps").get_to(asked.heat_maps);
  value.at("origin").get_to(asked.origin);
  return asked;
}

std::string details_of(const Job& job) {
  json details = {{"step", job.step},     {"steps", job.steps}, {"pass", job.pass},
                  {"passes", job.passes}, {"sigma", job.sigma}, {"notes", job.notes}};
  if (job.error)
    details["error"] = {{"status", job.error->status}, {"code", job.error->code}, {"detail", job.error->detail}};
  return details.dump(-1, ' ', false, json::error_handler_t::replace);
}

void read_details(const std::string& text, Job& job) {
  const auto details = json::parse(text);
  details.at("step").get_to(job.step);
  details.at("steps").get_to(job.steps);
  details.at("pass").get_to(job.pass);
  details.at("passes").get_to(job.passes);
  details.at("sigma").get_to(job.sigma);
  details.at("notes").get_to(job.notes);
  if (const auto error = details.find("error"); error != details.end())
    job.error = JobError{error->at("status"), error->at("code"), error->at("detail")};
}

constexpr const char* kColumns =
    "SELECT number, id, state, asked, prompt, resolved, details, created, started, finished, attempts, edited FROM "
    "jobs ";

Job job_of(const Statement& row) {
  Job job{.id = row.text(1), .number = row.number(0), .asked = submission(row.text(3))};
  job.state = job_state(row.text(2)).value_or(JobState::interrupted);
  job.prompt = row.text(4), job.resolved = row.text(5);
  read_details(row.text(6), job);
  job.created = row.real(7), job.started = row.real(8), job.finished = row.real(9);
  job.attempts = static_cast<int>(row.number(10)), job.edited = row.number(11) != 0;
  return job;
}

void add_files(const Database& database, Job& job) {
  Statement pictures(database,
                     "SELECT name, place, seed, width, height, label FROM pictures WHERE job = ? ORDER BY place");
  for (pictures.bind(job.number); pictures.step();)
    job.pictures.push_back({pictures.text(0), pictures.number(1), std::stoull(pictures.text(2)),
                            static_cast<int>(pictures.number(3)), static_cast<int>(pictures.number(4)),
                            pictures.text(5)});
  Statement maps(database, "SELECT name, word, image FROM maps WHERE job = ? ORDER BY image, rowid");
  for (maps.bind(job.number); maps.step();)
    job.heat_maps.push_back({maps.text(0), maps.text(1), static_cast<int>(maps.number(2))});
}

/** A picture that was there before, of a sweep that goes on, keeps its row. */
void put_picture(const Database& database, const Job& job, const JobPicture& picture) {
  Statement add(database,
                "INSERT INTO pictures(name, job, place, seed, width, height, label, created) VALUES(?,?,?,?,?,?,?,?) "
                "ON CONFLICT(name) DO NOTHING RETURNING number");
  add.bind(picture.name).bind(job.number).bind(picture.index).bind(std::to_string(picture.seed));
  add.bind(int64_t{picture.width}).bind(int64_t{picture.height}).bind(picture.label);
  add.bind(job.finished > 0 ? job.finished : job.started);
  if (!add.step()) return;
  const auto number = add.number(0);
  add.step();
  Statement words(database, "INSERT INTO prompts(rowid, prompt) VALUES(?, ?)");
  words.bind(number).bind(job.prompt).step();
}

Upload upload_of(const Statement& row) {
  return {row.text(0), row.text(1), row.number(2), static_cast<int>(row.number(3)), static_cast<int>(row.number(4)),
          row.real(5)};
}

/** The IDs behind "upload:" in a recipe's JSON. */
void add_named_uploads(const std::string& text, std::set<std::string>& named) {
  static constexpr std::string_view kName = "upload:";
  for (auto at = text.find(kName); at != text.npos; at = text.find(kName, at)) {
    at += kName.size();
    const auto end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-", at);
    named.insert(text.substr(at, end - at));
  }
}

/** Each word of the text quoted, so that nothing in it is FTS5's syntax; the last may be the beginning of one. */
std::string query_of(const std::string& text) {
  std::string query, word;
  const auto add = [&](const char* end) {
    if (!word.empty()) query += (query.empty() ? "\"" : " \"") + word + "\"" + end;
    word.clear();
  };
  for (const char c : text) {
    if (c == '"' || static_cast<unsigned char>(c) <= ' ')
      add("");
    else
      word += c;
  }
  add("*");
  return query;
}

}  // namespace

Store::Store(const std::filesystem::path& file) : database_(file) {
  const auto found = [this] {
    Statement version(database_, "PRAGMA user_version");
    version.step();
    return version.number(0);
  }();
  if (found > kSchema)
    throw Error(ErrorCode::bad_file, fmt::format("[database] {} is of a newer version of the program", file.string()));
  if (found == kSchema) return;
  Transaction all(database_);
  database_.run(kTables);
  all.commit();
}

void Store::add(Job& job) {
  const std::lock_guard lock(mutex_);
  Transaction all(database_);
  Statement add(
      database_,
      "INSERT INTO jobs(id, state, asked, prompt, resolved, details, created, started, finished, attempts, edited) "
      "VALUES(?,?,?,?,?,?,?,0,0,0,0) RETURNING number");
  add.bind(job.id).bind(name(job.state)).bind(to_json(job.asked).dump()).bind(job.prompt).bind(job.resolved);
  add.bind(details_of(job)).bind(job.created).step();
  const auto number = add.number(0);
  add.step();
  all.commit();
  job.number = number;
}

void Store::update(const Job& job) {
  const std::lock_guard lock(mutex_);
  Transaction all(database_);
  Statement update(
      database_,
      "UPDATE jobs SET state=?, prompt=?, resolved=?, details=?, started=?, finished=?, attempts=?, edited=? "
      "WHERE number=?");
  update.bind(name(job.state)).bind(job.prompt).bind(job.resolved).bind(details_of(job)).bind(job.started);
  update.bind(job.finished).bind(int64_t{job.attempts}).bind(int64_t{job.edited}).bind(job.number).step();
  for (const auto& picture : job.pictures) put_picture(database_, job, picture);
  for (const auto& map : job.heat_maps) {
    Statement put(database_, "INSERT OR REPLACE INTO maps(name, job, word, image) VALUES(?,?,?,?)");
    put.bind(map.name).bind(job.number).bind(map.word).bind(int64_t{map.image}).step();
  }
  all.commit();
}

void Store::mark_edited(int64_t number) {
  const std::lock_guard lock(mutex_);
  Statement(database_, "UPDATE jobs SET edited = 1 WHERE number = ?").bind(number).step();
}

std::optional<Job> Store::job(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Statement find(database_, (std::string(kColumns) + "WHERE id = ?").c_str());
  if (!find.bind(id).step()) return std::nullopt;
  auto job = job_of(find);
  add_files(database_, job);
  return job;
}

std::vector<Job> Store::unfinished() {
  const std::lock_guard lock(mutex_);
  Statement find(database_, (std::string(kColumns) + "WHERE state IN ('queued', 'running') ORDER BY number").c_str());
  std::vector<Job> jobs;
  while (find.step()) {
    jobs.push_back(job_of(find));
    add_files(database_, jobs.back());
  }
  return jobs;
}

bool Store::remove(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Transaction all(database_);
  Statement words(database_,
                  "DELETE FROM prompts WHERE rowid IN (SELECT pictures.number FROM pictures JOIN jobs ON "
                  "pictures.job = jobs.number WHERE jobs.id = ?)");
  words.bind(id).step();
  Statement remove(database_, "DELETE FROM jobs WHERE id = ? RETURNING number");
  const bool found = remove.bind(id).step();
  while (found && remove.step()) {
  }
  all.commit();
  return found;
}

std::map<std::string, int64_t> Store::counts() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, int64_t> counts;
  for (Statement all(database_, "SELECT state, count(*) FROM jobs GROUP BY state"); all.step();)
    counts[all.text(0)] = all.number(1);
  return counts;
}

bool Store::has_picture(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Statement find(database_, "SELECT 1 FROM pictures WHERE name = ?1 UNION ALL SELECT 1 FROM maps WHERE name = ?1");
  return find.bind(name).step();
}

std::vector<HistoryItem> Store::history(const std::string& query, int64_t before, int limit) {
  const std::lock_guard lock(mutex_);
  const auto words = query_of(query);
  std::string sql =
      "SELECT pictures.number, jobs.id, pictures.name, jobs.prompt, pictures.label, pictures.seed, pictures.width, "
      "pictures.height, pictures.created FROM pictures JOIN jobs ON pictures.job = jobs.number WHERE pictures.number < "
      "? ";
  if (!words.empty()) sql += "AND pictures.number IN (SELECT rowid FROM prompts WHERE prompts MATCH ?) ";
  Statement find(database_, (sql + "ORDER BY pictures.number DESC LIMIT ?").c_str());
  find.bind(before > 0 ? before : INT64_MAX);
  if (!words.empty()) find.bind(words);
  std::vector<HistoryItem> items;
  for (find.bind(int64_t{limit}); find.step();)
    items.push_back({find.text(1), find.text(2), find.text(3), find.text(4), std::stoull(find.text(5)),
                     static_cast<int>(find.number(6)), static_cast<int>(find.number(7)), find.real(8), find.number(0)});
  return items;
}

void Store::add(const Upload& upload) {
  const std::lock_guard lock(mutex_);
  Statement add(database_, "INSERT INTO uploads(id, type, bytes, width, height, created) VALUES(?,?,?,?,?,?)");
  add.bind(upload.id).bind(upload.type).bind(upload.bytes).bind(int64_t{upload.width}).bind(int64_t{upload.height});
  add.bind(upload.created).step();
}

int64_t room_of(const Upload& upload) {
  return std::max(upload.bytes, kLeastUpload);
}

std::optional<Upload> Store::upload(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Statement find(database_, "SELECT id, type, bytes, width, height, created FROM uploads WHERE id = ?");
  return find.bind(id).step() ? std::optional(upload_of(find)) : std::nullopt;
}

int64_t Store::upload_room() {
  const std::lock_guard lock(mutex_);
  Statement sum(database_, "SELECT ifnull(sum(max(bytes, ?)), 0) FROM uploads");
  sum.bind(kLeastUpload).step();
  return sum.number(0);
}

std::vector<Upload> Store::free_uploads(int64_t room) {
  const std::lock_guard lock(mutex_);
  std::set<std::string> named;
  Statement texts(database_,
                  "SELECT asked FROM jobs WHERE state IN ('queued', 'running') "
                  "UNION ALL SELECT json FROM recipes");
  while (texts.step()) add_named_uploads(texts.text(0), named);
  std::vector<Upload> found;
  Statement all(database_, "SELECT id, type, bytes, width, height, created FROM uploads ORDER BY rowid");
  while (room > 0 && all.step()) {
    if (named.contains(all.text(0))) continue;
    found.push_back(upload_of(all));
    room -= room_of(found.back());
  }
  return found;
}

void Store::remove_upload(const std::string& id) {
  const std::lock_guard lock(mutex_);
  Statement(database_, "DELETE FROM uploads WHERE id = ?").bind(id).step();
}

std::map<std::string, std::string> Store::recipes() {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> recipes;
  for (Statement all(database_, "SELECT name, json FROM recipes"); all.step();) recipes[all.text(0)] = all.text(1);
  return recipes;
}

std::optional<std::string> Store::recipe(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Statement find(database_, "SELECT json FROM recipes WHERE name = ?");
  if (!find.bind(name).step()) return std::nullopt;
  return find.text(0);
}

bool Store::put_recipe(const std::string& name, const std::string& json, int64_t most) {
  const std::lock_guard lock(mutex_);
  Statement others(database_, "SELECT ifnull(sum(max(length(CAST(json AS BLOB)), ?)), 0) FROM recipes WHERE name <> ?");
  others.bind(kLeastUpload).bind(name).step();
  if (others.number(0) > most - std::max(kLeastUpload, static_cast<int64_t>(json.size()))) return false;
  Statement put(database_, "INSERT OR REPLACE INTO recipes(name, json) VALUES(?, ?)");
  put.bind(name).bind(json).step();
  return true;
}

bool Store::remove_recipe(const std::string& name) {
  const std::lock_guard lock(mutex_);
  Statement remove(database_, "DELETE FROM recipes WHERE name = ? RETURNING name");
  const bool found = remove.bind(name).step();
  while (found && remove.step()) {
  }
  return found;
}

}  // namespace corepulse::server
