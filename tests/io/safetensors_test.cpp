#include "io/tensors/safetensors.h"

#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

#include "io/tensors/stored_type.h"
#include "support.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::io;
using namespace corepulse::test;

namespace {

TensorView view(StoredType type, std::vector<int64_t> shape, const std::string& bytes) {
  return {type, std::move(shape), reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), false, nullptr};
}

std::string bytes_of(const TensorView& tensor) {
  return {reinterpret_cast<const char*>(tensor.data), tensor.bytes};
}

}  // namespace

TEST_CASE("what was written is read back: names, types, shapes, bytes, metadata") {
  Folder folder;
  const std::string odd = "abcde", even = "12345678", eight = "ABCDEFGHabcdefgh";
  Tensors tensors;
  tensors["größe \"quoted\"\n"] = view(StoredType::u8, {5}, odd);
  tensors["half"] = view(StoredType::f16, {2, 1, 2}, even);
  tensors["double"] = view(StoredType::f64, {2}, eight);
  tensors["scalar"] = view(StoredType::i32, {}, even.substr(0, 4));
  const std::string four = "wxyz";
  tensors["scalar"] = view(StoredType::i32, {}, four);
  tensors["empty"] = view(StoredType::f32, {0, 3}, "");
  write_safetensors(folder / "a.safetensors", tensors, {{"format", "pt"}, {"text", "é\n"}});

  const auto file = open_safetensors(folder / "a.safetensors");
  CHECK(file.metadata == std::map<std::string, std::string>{{"format", "pt"}, {"text", "é\n"}});
  CHECK(file.file_bytes == fs::file_size(folder / "a.safetensors"));
  REQUIRE(file.tensors.size() == tensors.size());
  for (const auto& [name, tensor] : tensors) {
    CAPTURE(name);
    const auto& read = file.tensors.at(name);
    CHECK(read.type == tensor.type);
    CHECK(read.shape == tensor.shape);
    CHECK(bytes_of(read) == bytes_of(tensor));
    CHECK(reinterpret_cast<uintptr_t>(read.data) % corepulse::io::bytes_of(read.type) == 0);
  }
}

TEST_CASE("the same tensors make the same file, and it starts its data at a multiple of 8") {
  Folder folder;
  const std::string data = "12345678";
  Tensors forward, backward;
  for (int i = 0; i < 50; ++i) forward["t" + std::to_string(i)] = view(StoredType::f32, {2}, data);
  for (int i = 50; i-- > 0;) backward["t" + std::to_string(i)] = view(StoredType::f32, {2}, data);
  write_safetensors(folder / "a.safetensors", forward);
  write_safetensors(folder / "b.safetensors", backward);
  const auto bytes = get(folder / "a.safetensors");
  CHECK(bytes == get(folder / "b.safetensors"));
  CHECK(static_cast<unsigned char>(bytes[0]) % 8 == 0);
  CHECK(bytes.size() % 8 == 0);
}

TEST_CASE("every type of the format is recognised and has its size") {
  const std::pair<const char*, size_t> types[] = {{"F16", 2},     {"BF16", 2},    {"F32", 4}, {"F64", 8},
                                                  {"F8_E4M3", 1}, {"F8_E5M2", 1}, {"I8", 1},  {"I16", 2},
                                                  {"I32", 4},     {"I64", 8},     {"U8", 1},  {"BOOL", 1}};
  for (const auto& [spelling, size] : types) {
    CAPTURE(spelling);
    const auto type = parse_stored_type(spelling);
    REQUIRE(type);
    CHECK(std::string(name(*type)) == spelling);
    CHECK(corepulse::io::bytes_of(*type) == size);
  }
  CHECK_FALSE(parse_stored_type("f16"));
  CHECK_FALSE(parse_stored_type(""));
}

TEST_CASE("a file is its header and every tensor's data") {
  const fs::path model = fs::path(test::model_folder()) / "builtin" / "text_encoder" / "model.safetensors";
  const auto file = open_safetensors(model);
  size_t bytes = 0;
  for (const auto& [name, tensor] : file.tensors) {
    CHECK(tensor.data != nullptr);
    bytes += tensor.bytes;
  }
  CHECK(bytes < file.file_bytes);
  CHECK(bytes > file.file_bytes * 9 / 10);
}

TEST_CASE("a tensor keeps the file's bytes alive") {
  Folder folder;
  const std::string data = "12345678";
  write_safetensors(folder / "a.safetensors", {{"t", view(StoredType::f32, {2}, data)}});
  const auto tensor = open_safetensors(folder / "a.safetensors").tensors.at("t");
  fs::remove(folder / "a.safetensors");
  CHECK(bytes_of(tensor) == data);
}

TEST_CASE("a file that is cut or written to while open is noticed") {
  Folder folder;
  const std::string data(4096, 'x');
  const auto path = folder / "a.safetensors";
  write_safetensors(path, {{"t", view(StoredType::u8, {4096}, data)}});
  const auto file = open_safetensors(path);
  CHECK(refusal([&] { check_unchanged(file); }) == "");
  fs::resize_file(path, 100);
  CHECK(has(refusal([&] { check_unchanged(file); }), {"bad_file", "a.safetensors", "changed"}));

  write_safetensors(path, {{"t", view(StoredType::u8, {4096}, data)}});
  const auto again = open_safetensors(path);
  const timespec later[2] = {{2'000'000'000, 0}, {2'000'000'000, 0}};
  ::utimensat(AT_FDCWD, path.c_str(), later, 0);
  CHECK(has(refusal([&] { check_unchanged(again); }), {"bad_file", "changed"}));
}

TEST_CASE("tensors that cannot be stored as they are, are not written") {
  Folder folder;
  const auto path = folder / "a.safetensors";
  const std::string data = "12345678";
  auto wrong = view(StoredType::f32, {3}, data);
  CHECK(has(refusal([&] { write_safetensors(path, {{"t", wrong}}); }), {"internal", "\"t\""}));
  wrong = view(StoredType::f32, {2, 1}, data);
  wrong.transposed = true;
  CHECK(has(refusal([&] { write_safetensors(path, {{"t", wrong}}); }), {"internal", "transposed"}));
  wrong = view(StoredType::f32, {2}, data);
  CHECK(has(refusal([&] { write_safetensors(path, {{"\xff", wrong}}); }), {"internal", "UTF-8"}));
  CHECK(has(refusal([&] { write_safetensors(path, {{"t", wrong}}, {{"k", "\xff"}}); }), {"internal", "UTF-8"}));
  wrong.data = nullptr;
  CHECK(has(refusal([&] { write_safetensors(path, {{"t", wrong}}); }), {"internal"}));
  CHECK(folder.count() == 0);
}
