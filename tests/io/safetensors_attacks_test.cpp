// One case per way in which a safetensors file can be broken or hostile.
#include <cstdint>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/tensors/safetensors.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::io;
using namespace corepulse::test;

namespace {

std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xFF);
  return bytes + rest;
}

std::string file_of(const std::string& header, size_t data) {
  return with_length(header.size(), header + std::string(data, 'd'));
}

std::string error_of(const std::string& bytes, const char* name = "model.safetensors") {
  Folder folder;
  put(folder / name, bytes);
  return refusal([&] { open_safetensors(folder / name); });
}

// The header of one tensor, "t".
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{\"t\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
}

std::string tensor(const char* name, int begin, int end) {
  return "\"" + std::string(name) + "\":{\"dtype\":\"U8\",\"shape\":[" + std::to_string(end - begin) +
         "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

#define CHECK_BAD(bytes, ...)                                                          \
  do {                                                                                 \
    const std::string error = error_of(bytes);                                         \
    CAPTURE(error);                                                                    \
    CHECK(has(error, {"bad_file: [safetensors] ", "model.safetensors", __VA_ARGS__})); \
  } while (false)

}  // namespace

TEST_CASE("a sound file is accepted, so that the refusals below mean something") {
  CHECK(error_of(file_of(one("F32", "[2,3]", "[0,24]"), 24)) == "");
  CHECK(error_of(file_of("{}", 0)) == "");
  CHECK(error_of(file_of(one("F32", "[2,3]", "[0,24]") + "   ", 24)) == "");
  CHECK(error_of(file_of("{" + tensor("b", 3, 5) + "," + tensor("a", 0, 3) + "," + tensor("e", 3, 3) + "}", 5)) == "");
  CHECK(error_of(file_of("{\"__metadata__\":{\"a\":\"b\"}," + tensor("a", 0, 3) + "}", 3)) == "");
}

TEST_CASE("files too short for a header") {
  CHECK_BAD("", "0 bytes");
  CHECK_BAD("1234567", "7 bytes");
  CHECK_BAD(with_length(0, ""), "does not begin");
  CHECK_BAD(with_length(0, "{}"), "not valid JSON");
  CHECK_BAD(with_length(2, "{"), "cut short");
}

TEST_CASE("header lengths that lie") {
  CHECK_BAD(with_length(uint64_t{1} << 63, "{}"), "9223372036854775808", "at most");
  CHECK_BAD(with_length(~uint64_t{0}, "{}"), "at most");
  CHECK_BAD(with_length(~uint64_t{0} - 7, "{}"), "at most");
  CHECK_BAD(with_length(1000, "{}"), "1000 bytes in a file of 10", "cut short");
  CHECK_BAD(with_length(100'000'001, "{" + std::string(100, ' ')), "at most 100000000");
  CHECK_BAD(with_length(1, "{}"), "not valid JSON");
}

TEST_CASE("headers that are not one JSON object") {
  CHECK_BAD(file_of("[", 0), "does not begin");
  CHECK_BAD(file_of(" {}", 0), "does not begin");
  CHECK_BAD(file_of("{", 0), "not valid JSON");
  CHECK_BAD(file_of("{}x", 0), "not valid JSON");
  CHECK_BAD(file_of("{}{}", 0), "not valid JSON");
  CHECK_BAD(file_of(std::string("{}\0\0", 4), 0), "NUL");
  CHECK_BAD(file_of("{\"\xff\":1}", 0), "not valid JSON");
  CHECK_BAD(file_of("{\"a\":1}", 0), "tensor \"a\"", "expected each tensor to be an object");
  CHECK_BAD(file_of("{\"a\":\"x\"}", 0), "each tensor to be an object");
  CHECK_BAD(file_of("{\"a\":null}", 0), "null", "each tensor to be an object");
  CHECK_BAD(file_of("{\"a\":[]}", 0), "each tensor to be an object");
}

TEST_CASE("nesting that would eat the stack or the memory") {
  std::string deep = "{";
  for (int i = 0; i < 100000; ++i) deep += "\"a\":{";
  CHECK_BAD(file_of(deep, 0), "tensor \"a\"");
  CHECK_BAD(file_of("{\"a\":{\"shape\":[[[[[[", 0), "tensor \"a\"", "a list");
  CHECK_BAD(file_of("{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0), "__metadata__ to hold only text");
}

TEST_CASE("a header of 10 MB of brackets costs little memory") {
  Folder folder;
  put(folder / "model.safetensors", file_of("{\"a\":" + std::string(10u << 20, '['), 0));
  // A child's peak starts at what it has now, so that earlier tests do not hide anything.
  const pid_t child = ::fork();
  if (child == 0) {
    rusage before{}, after{};
    ::getrusage(RUSAGE_SELF, &before);
    const bool refused = refusal([&] { open_safetensors(folder / "model.safetensors"); }) != "";
    ::getrusage(RUSAGE_SELF, &after);
    ::_exit(!refused ? 1 : after.ru_maxrss - before.ru_maxrss > 40 * 1024 ? 2 : 0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("the same name twice") {
  CHECK_BAD(file_of("{" + tensor("a", 0, 3) + "," + tensor("a", 0, 3) + "}", 3), "\"a\" stands twice");
  CHECK_BAD(file_of("{" + tensor("a", 0, 3) + "," + tensor("\\u0061", 3, 6) + "}", 6), "\"a\" stands twice");
  CHECK_BAD(file_of("{\"__metadata__\":{},\"__metadata__\":{}}", 0), "\"__metadata__\" stands twice");
  CHECK_BAD(file_of("{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0), "\"k\" twice");
  CHECK_BAD(file_of("{\"t\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "\"t\"",
            "dtype twice");
}

TEST_CASE("what the format's own reader loads is loaded: metadata of null, a header of 17 MB") {
  CHECK(error_of(file_of("{\"__metadata__\":null," + tensor("a", 0, 3) + "}", 3)) == "");
  CHECK(error_of(file_of("{" + tensor("a", 0, 3) + ",\"__metadata__\":null}", 3)) == "");
  CHECK_BAD(file_of("{\"__metadata__\":null,\"__metadata__\":null}", 0), "stands twice");
  CHECK(error_of(file_of("{\"__metadata__\":{\"notes\":\"" + std::string(17'000'000, 'x') + "\"}}", 0)) == "");
}

TEST_CASE("a file that stands for another or came with an error's page says so") {
  CHECK_BAD("version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 4265146304\n", "Git LFS",
            "git lfs pull");
  for (const char* page : {"<!DOCTYPE html><html><head>", "\n\n<html lang=\"en\">", "\xef\xbb\xbf<!doctype html>",
                           "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"})
    CHECK_BAD(page, "web page", "download it again");
}

TEST_CASE("fields missing, unknown or of the wrong kind") {
  CHECK_BAD(file_of("{\"t\":{}}", 0), "\"t\"", "a field is missing");
  CHECK_BAD(file_of("{\"t\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1), "\"t\"", "a field is missing");
  CHECK_BAD(file_of("{\"t\":{\"Dtype\":\"U8\"}}", 1), "\"t\"", "the field \"Dtype\"");
  CHECK_BAD(file_of(one("U7", "[1]", "[0,1]"), 1), "\"t\"", "dtype U7", "BF16");
  CHECK_BAD(file_of("{\"t\":{\"dtype\":1}}", 1), "\"t\"", "dtype to be text");
  CHECK_BAD(file_of("{\"t\":{\"dtype\":[\"U8\"]}}", 1), "\"t\"", "dtype to be text");
  CHECK_BAD(file_of(one("U8", "1", "[0,1]"), 1), "\"t\"", "shape to be a list");
  CHECK_BAD(file_of(one("U8", "[\"1\"]", "[0,1]"), 1), "\"t\"", "shape to be a list");
  CHECK_BAD(file_of(one("U8", "[true]", "[0,1]"), 1), "\"t\"", "true or false");
  CHECK_BAD(file_of("{\"__metadata__\":{\"k\":1}}", 0), "__metadata__ to hold only text");
  CHECK_BAD(file_of("{\"__metadata__\":[]}", 0), "each tensor to be an object");
}

TEST_CASE("dimensions that wrap, are negative, broken or too many") {
  CHECK_BAD(file_of(one("U8", "[65536,65536,65536,65536]", "[0,0]"), 0), "\"t\"", "too large");
  CHECK_BAD(file_of(one("F64", "[2147483647,2147483647,4]", "[0,32]"), 32), "\"t\"", "too large");
  CHECK_BAD(file_of(one("U8", "[4294967297]", "[0,1]"), 1), "\"t\"", "dimension 4294967297");
  CHECK_BAD(file_of(one("U8", "[2147483648]", "[0,1]"), 1), "\"t\"", "dimension 2147483648");
  CHECK_BAD(file_of(one("F32", "[-1,-4]", "[0,16]"), 16), "\"t\"", "-1; expected shape");
  CHECK_BAD(file_of(one("F32", "[2.0]", "[0,8]"), 8), "\"t\"", "2.0; expected shape");
  CHECK_BAD(file_of(one("F32", "[2e0]", "[0,8]"), 8), "\"t\"", "2e0; expected shape");
  CHECK_BAD(file_of(one("F32", "[99999999999999999999]", "[0,8]"), 8), "\"t\"", "expected shape");
  CHECK_BAD(file_of(one("U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1), "\"t\"", "more than 8 dimensions");
  CHECK(error_of(file_of(one("U8", "[1,1,1,1,1,1,1,1]", "[0,1]"), 1)) == "");
}

TEST_CASE("offsets that lie") {
  CHECK_BAD(file_of(one("U8", "[4]", "[0,3]"), 3), "\"t\"", "3 bytes of data; expected 4");
  CHECK_BAD(file_of(one("U8", "[4]", "[0,5]"), 5), "\"t\"", "5 bytes of data; expected 4");
  CHECK_BAD(file_of(one("U8", "[4]", "[4,0]"), 4), "\"t\"", "backwards");
  CHECK_BAD(file_of(one("U8", "[4]", "[-4,0]"), 4), "\"t\"", "data_offsets");
  CHECK_BAD(file_of(one("U8", "[4]", "[0,4.0]"), 4), "\"t\"", "data_offsets");
  CHECK_BAD(file_of(one("U8", "[4]", "[4]"), 4), "\"t\"", "one offset or none");
  CHECK_BAD(file_of(one("U8", "[4]", "[]"), 4), "\"t\"", "one offset or none");
  CHECK_BAD(file_of(one("U8", "[4]", "[0,4,4]"), 4), "\"t\"", "a third offset");
  CHECK_BAD(file_of(one("U8", "[1]", "[18446744073709551615,0]"), 0), "\"t\"", "backwards");
  CHECK_BAD(file_of(one("U8", "[1]", "[18446744073709551614,18446744073709551615]"), 1), "\"t\"");
}

TEST_CASE("data sections with holes, overlaps, tails, or cut short") {
  CHECK_BAD(file_of("{" + tensor("a", 0, 3) + "," + tensor("b", 4, 6) + "}", 6), "\"b\"", "a hole of 1 bytes");
  CHECK_BAD(file_of("{" + tensor("b", 1, 3) + "}", 3), "\"b\"", "a hole of 1 bytes");
  CHECK_BAD(file_of("{" + tensor("a", 0, 3) + "," + tensor("b", 2, 5) + "}", 5), "\"b\"", "overlaps");
  CHECK_BAD(file_of("{" + tensor("a", 0, 3) + "," + tensor("b", 0, 3) + "}", 3), "\"b\"", "overlaps");
  CHECK_BAD(file_of("{" + tensor("a", 0, 3) + "}", 4), "1 bytes after the last tensor");
  CHECK_BAD(file_of("{}", 4), "4 bytes after the last tensor");
  CHECK_BAD(file_of("{" + tensor("a", 0, 3) + "," + tensor("big", 3, 100) + "}", 50), "\"big\"", "byte 100 of 50",
            "cut short");
}

TEST_CASE("too many tensors or too much metadata") {
  std::string many = "{", notes = "{\"__metadata__\":{";
  for (int i = 0; i <= 65536; ++i) {
    many += tensor(std::to_string(i).c_str(), 0, 0) + ",";
    notes += "\"" + std::to_string(i) + "\":\"\",";
  }
  many.back() = '}', notes.back() = '}';
  CHECK_BAD(file_of(many, 0), "more than 65536 tensors");
  CHECK_BAD(file_of(notes + "}", 0), "more than 65536 entries in __metadata__");
}

TEST_CASE("every prefix of a file is refused") {
  const auto whole = file_of("{\"__metadata__\":{\"a\":\"b\"}," + tensor("a", 0, 3) + "," + tensor("b", 3, 9) + "}", 9);
  REQUIRE(error_of(whole) == "");
  for (size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    CHECK(has(error_of(whole.substr(0, n)), {"bad_file", "model.safetensors"}));
  }
}

TEST_CASE("files of other formats are told apart, with the remedy") {
  const auto remedy = {"bad_file", "is a pickle", "convert it", "save_file"};
  CHECK(has(error_of("PK\x03\x04" + std::string(100, 'z')), remedy));
  CHECK(has(error_of("\x80\x02}q" + std::string(100, 'z')), remedy));
  CHECK(has(error_of("\x80\x04\x95" + std::string(100, 'z')), remedy));
  for (const char* name : {"a.ckpt", "a.bin", "a.pt", "a.pth", "a.CKPT"}) {
    CAPTURE(name);
    CHECK(has(error_of("anything", name), remedy));
    CHECK(has(error_of(file_of("{}", 0), name), remedy));
  }
  CHECK(has(error_of("GGUF" + std::string(100, '\0')), {"unsupported_model", "GGUF", "expected safetensors"}));
  // 0x280 = 640 bytes of header looks like the start of a pickle, and is none.
  auto header = one("U8", "[1]", "[0,1]");
  header.resize(640, ' ');
  CHECK(error_of(file_of(header, 1)) == "");
}

TEST_CASE("things that are not files") {
  Folder folder;
  const auto open = [&](const char* name) { return refusal([&] { open_safetensors(folder / name); }); };
  CHECK(has(open("none.safetensors"), {"not_found", "none.safetensors"}));
  CHECK(has(open("none/x.safetensors"), {"not_found", "x.safetensors"}));
  fs::create_directory(folder / "d.safetensors");
  CHECK(has(open("d.safetensors"), {"bad_file", "d.safetensors", "a folder"}));
  ::mkfifo((folder / "p.safetensors").c_str(), 0600);
  CHECK(has(open("p.safetensors"), {"bad_file", "p.safetensors", "a pipe"}));
  fs::create_symlink("nowhere", folder / "l.safetensors");
  CHECK(has(open("l.safetensors"), {"not_found", "l.safetensors", "a link to nothing"}));
  fs::create_symlink("loop.safetensors", folder / "loop.safetensors");
  CHECK(has(open("loop.safetensors"), {"not_found", "loop.safetensors"}));
  fs::create_symlink("/dev/zero", folder / "zero.safetensors");
  CHECK(has(open("zero.safetensors"), {"bad_file", "zero.safetensors", "a device"}));
}

TEST_CASE("names in messages are escaped and shortened") {
  const auto error = error_of(file_of("{\"\\u001b[31m" + std::string(100000, 'n') + "\":1}", 0));
  CHECK(has(error, {"bad_file", "\\x1b[31mnnn"}));
  CHECK(error.size() < 1000);
}
