// How a run ends before its end: asked to stop, or by what the application's own functions throw.
#include <atomic>
#include <doctest/doctest.h>

#include "corepulse/attention_function.h"

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** Of the application alone: no std::exception, and nothing the library knows. */
struct Mine {
  int number;
};

Request short_request(int steps = 3) {
  Request request{.recipe = golden_recipe("small"), .decode = false};
  request.recipe.steps = steps;
  return request;
}

Result generate(const Request& request) {
  return tiny("small").generate(request);
}

bool cancelled(const Request& request) {
  try {
    generate(request);
    return false;
  } catch (const Error& error) {
    return error.code() == ErrorCode::cancelled;
  }
}

AttentionFunction calling(std::function<void()> first) {
  return [first = std::move(first)](const mlx::core::array& q, auto&&...) { return first(), q; };
}

}  // namespace

TEST_CASE("what the progress callback throws comes out of generate as it was thrown, and the pipeline lives on") {
  const auto plain = generate(short_request()).latents;
  auto request = short_request();
  request.progress = [](const Progress&) -> bool { throw Mine{42}; };
  try {
    generate(request);
    FAIL("the exception was lost");
  } catch (const Mine& mine) {
    CHECK(mine.number == 42);
  }
  request.progress = [](const Progress&) -> bool { throw std::out_of_range("of my list"); };
  CHECK_THROWS_WITH_AS(generate(request), "of my list", std::out_of_range);
  request.progress = [](const Progress&) -> bool { throw std::bad_alloc(); };
  CHECK_THROWS_AS(generate(request), std::bad_alloc);
  CHECK(generate(short_request()).latents == plain);
}

TEST_CASE("what an attention function throws comes out of generate as it was thrown") {
  auto request = short_request();
  request.functions = {replace_attention("middle:0", calling([] { throw Mine{7}; }))};
  CHECK_THROWS_AS(generate(request), Mine);
  request.functions = {replace_attention("middle:0", calling([] { throw std::logic_error("not this layer"); }))};
  CHECK_THROWS_WITH_AS(generate(request), "not this layer", std::logic_error);
}

TEST_CASE("what a run inside a callback throws to its callback comes out of both") {
  auto inner = short_request(), outer = short_request();
  inner.progress = [](const Progress&) -> bool { throw Mine{3}; };
  outer.progress = [&](const Progress&) { return generate(inner), true; };
  CHECK_THROWS_AS(generate(outer), Mine);
}

TEST_CASE("a flag set between two steps ends the run before the next model call") {
  auto request = short_request(5);
  const auto flag = std::make_shared<std::atomic<bool>>(false);
  request.stop = flag;
  CHECK(generate(request).latents == generate(short_request(5)).latents);  // not set: the same bits
  int steps = 0;
  request.progress = [&](const Progress& at) { return *flag = at.step == 2, ++steps, true; };
  CHECK(cancelled(request));
  CHECK(steps == 2);
}

TEST_CASE("a flag set inside a model call ends a large run inside that call") {
  auto request = short_request(1);
  request.recipe.width = request.recipe.height = 2048;
  const auto flag = std::make_shared<std::atomic<bool>>(false);
  request.stop = flag;
  int layers = 0;
  bool set = false;
  request.functions = {replace_attention("", calling([&] { ++layers, *flag = set; }))};
  generate(request);
  const int all = layers;
  layers = 0, set = true;
  CHECK(cancelled(request));
  CHECK(layers < all);
}

TEST_CASE("a flag that is taken back does not finish what was left unfinished") {
  auto request = short_request(4);
  const auto flag = std::make_shared<std::atomic<bool>>(false);
  request.stop = flag;
  int steps = 0;
  request.progress = [&](const Progress&) { return ++steps, true; };
  *flag = true;
  CHECK(cancelled(request));
  CHECK(steps == 0);
  *flag = false;
  CHECK_FALSE(cancelled(request));
  CHECK(steps == 4);
}

TEST_CASE("texts that a stopped run left unfinished are read by no later run") {
  auto request = short_request(1);
  request.recipe.prompt = "a lighthouse that no other run draws";
  request.stop = std::make_shared<std::atomic<bool>>(true);
  CHECK(cancelled(request));
  request.stop = nullptr;
  const auto fresh = Pipeline::load({.model = tiny_folder("small")}, {.dtype = test_dtype()});
  CHECK(generate(request).latents == fresh.generate(request).latents);
}
