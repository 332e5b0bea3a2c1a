#include "pictures.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr const char* kNames[] = {"a.png", "a.jpg", "a.webp"};

ImageText round_trip(const char* name, const ImageText& text) {
  Folder folder;
  save_image(gradient(5, 5), folder / name, text);
  CHECK(difference(load_image(folder / name), gradient(5, 5)) < 20);
  return load_image_text(folder / name);
}

}  // namespace

TEST_CASE("text comes back as it was, in every format") {
  const ImageText texts[] = {
      {},
      {{"parameters", "a cat\nSteps: 20, Seed: 1"}},
      {{"parameters", "größer, naïve \xc2\xa0\xc3\xbf"}},
      {{"parameters",
        "猫 🐱 e\xcc\x81 \xe2\x80\xae"
        "abc \xf4\x8f\xbf\xbf"}},
      {{"corepulse", R"({"prompt": "a \"cat\" \u0000 \\ 猫", "steps": 20})"}},
      {{"parameters", "one"}, {"corepulse", "{\"a\":1}"}, {"note", "tab\tand\r\nlines"}},
      {{"parameters", std::string(20000, 'p')}, {"corepulse", std::string(20000, 'c')}},
      {{"parameters", "\xc3\x83\xc2\xa9 Latin-1 that looks like UTF-8"}},
      {{"parameters", "UNICODE"}, {"other", "x"}},
  };
  for (const char* name : kNames)
    for (const auto& text : texts) {
      CAPTURE(name);
      CHECK(round_trip(name, text) == text);
    }
}

TEST_CASE("PNG text is where A1111 puts it: tEXt for Latin-1, iTXt for the rest") {
  Folder folder;
  save_image(gradient(5, 5), folder / "a.png", {{"parameters", "größer"}});
  CHECK(has(get(folder / "a.png"), {"tEXtparameters"}));
  save_image(gradient(5, 5), folder / "a.png", {{"parameters", "猫"}});
  CHECK(has(get(folder / "a.png"), {"iTXtparameters"}));
}

TEST_CASE("a WebP file with text of any length has an even size, and its header knows it") {
  Folder folder;
  for (size_t length = 1; length < 6; ++length) {
    save_image(gradient(5, 5), folder / "a.webp", {{"note", std::string(length, 'n')}});
    const auto bytes = get(folder / "a.webp");
    CHECK(bytes.size() % 2 == 0);
    uint32_t size = 0;
    std::memcpy(&size, bytes.data() + 4, 4);
    CHECK(size == bytes.size() - 8);
  }
}

TEST_CASE("text that A1111's own tools wrote is read") {
  const std::string parameters = "a cat, größer, 猫 🐱\nNegative prompt: dog\nSteps: 20, Sampler: Euler, Seed: 1";
  for (const char* name : {"a1111.png", "a1111.jpg", "a1111.webp"}) {
    CAPTURE(name);
    CHECK(load_image_text(golden(name))["parameters"] == parameters);
  }
  CHECK(load_image_text(golden("a1111.png"))["packed"].substr(0, 10) == "größer g");
  CHECK(load_image_text(golden("a1111.png"))["packed_itxt"].substr(0, 4) == "猫 ");
}

TEST_CASE("text that not every format can hold is refused") {
  Folder folder;
  const auto error = [&](const char* name, const std::string& key, const std::string& value) {
    return refusal([&] { save_image(gradient(4, 4), folder / name, {{key, value}}); });
  };
  for (const char* name : kNames) {
    for (const std::string& key :
         {std::string(), std::string(80, 'k'), std::string("a b"), std::string("é"), std::string("a\0b", 3)})
      CHECK(has(error(name, key, "x"), {"invalid_request", "the text key"}));
    CHECK(has(error(name, "parameters", std::string("a\0b", 3)), {"invalid_request", "\"parameters\"", "NUL"}));
    CHECK(has(error(name, "parameters", "\xff"), {"invalid_request", "\"parameters\"", "UTF-8"}));
    CHECK(has(error(name, "parameters", std::string(17u << 20, 'x')), {"invalid_request", "at most"}));
  }
  CHECK(has(error("a.jpg", "parameters", std::string(40000, 'x')), {"invalid_request", "65533", "write PNG or WebP"}));
  CHECK(error("a.webp", "parameters", std::string(40000, 'x')) == "");
}

TEST_CASE("a picture without text has none, and what is no picture is refused") {
  Folder folder;
  put(folder / "a.png", "no picture");
  CHECK(load_image_text(golden("rgb.png")).empty());
  CHECK(load_image_text(golden("rgb.jpg")).empty());
  CHECK(load_image_text(golden("lossy.webp")).empty());
  CHECK(load_image_text(golden("turned3.jpg")).empty());
  CHECK(has(refusal([&] { load_image_text(folder / "a.png"); }), {"bad_file", "a.png", "not a picture"}));
  CHECK(has(refusal([&] { load_image_text(folder / "none.png"); }), {"not_found", "none.png"}));
}
