#pragma once
// SQLite as C++: a connection, and statements whose values are bound in order.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace corepulse::server {

/** Used by one thread at a time. Errors are Error{io}, with SQLite's words; a full disk is one. */
class Database {
 public:
  /** Write-ahead log, synchronous=FULL: what is committed survives a power cut. @throws Error io, bad_file. */
  explicit Database(const std::filesystem::path& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);
  sqlite3* handle() const { return handle_; }

 private:
  sqlite3* handle_ = nullptr;
};

/**
 *   Statement find(db, "SELECT a, b FROM t WHERE c = ?");
 *   for (find.bind(text); find.step();) use(find.text(0), find.number(1));
 */
class Statement {
 public:
  Statement(const Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::string_view text);
  Statement& bind(int64_t number);
  Statement& bind(double number);
  /** True: there is a row. */
  bool step();
  std::string text(int column) const;
  int64_t number(int column) const;
  double real(int column) const;

 private:
  void check(int result) const;
  const Database& database_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

/** BEGIN IMMEDIATE; without commit() the destructor rolls back. */
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace corepulse::server
