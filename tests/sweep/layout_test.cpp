// Sheets: what stands where, and what the page holds.

#include "sweep/sheet/layout.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <set>

#include "sweep/runner.h"
#include "sweep/sheet/lettering.h"
#include "sweep/support.h"

using namespace corepulse;
using namespace corepulse::sweep;
using test::Folder;
using test::small_sweep;

TEST_CASE("every cell has one place: rows by the first axis, columns by the second, pages by the others") {
  const Plan plan(small_sweep());
  const auto pages = pages_of(plan);
  REQUIRE(pages.size() == 2);
  std::set<size_t> seen;
  for (size_t p = 0; p < 2; ++p) {
    CHECK(pages[p].title == (p ? "seed 2" : "seed 1"));
    CHECK(pages[p].rows == std::vector<std::string>{"input:0", "middle:0"});
    CHECK(pages[p].columns == std::vector<std::string>{"plain", "0.5", "1"});
    for (size_t y = 0; y < 2; ++y) {
      CHECK(pages[p].tiles[y][0].plain == p);
      for (size_t x = 0; x < 2; ++x) {
        const auto cell = *pages[p].tiles[y][x + 1].cell;
        CHECK(plan.cells.labels_of(cell) ==
              std::vector<std::string>{pages[p].rows[y], pages[p].columns[x + 1], p ? "2" : "1"});
        seen.insert(cell);
      }
    }
  }
  CHECK(seen.size() == 8);
}

TEST_CASE("plain pictures stand above columns where these have one each") {
  auto sweep = small_sweep();
  sweep.axes.erase(sweep.axes.begin() + 1);
  const auto pages = pages_of(Plan(sweep));
  REQUIRE(pages.size() == 1);
  CHECK(pages[0].rows == std::vector<std::string>{"plain", "input:0", "middle:0"});
  CHECK(pages[0].tiles[0][1].plain == 1);
}

TEST_CASE("one axis makes a grid whose tiles have their own labels, the plain picture first") {
  auto sweep = small_sweep();
  sweep.axes = {parse_sweep_axis("strength=0.1..0.9/0.1")};
  const auto pages = pages_of(Plan(sweep));
  CHECK(pages[0].rows.empty());
  CHECK(pages[0].tiles.size() == 3);
  CHECK(pages[0].tiles[0].size() == 4);
  CHECK(pages[0].tiles[0][0].plain == 0);
  CHECK(pages[0].tiles[0][1].label == "strength 0.1");
  CHECK_FALSE(pages[0].tiles[2][3].cell);
}

TEST_CASE("a smaller picture is the mean of areas") {
  Image image{3, 1, {0, 0, 0, 90, 90, 90, 240, 240, 240}, {}};
  const auto small = shrunk(image, 2, 1);
  CHECK(int(small.pixels[0]) == 30);  // two thirds of the first, one of the second
  CHECK(int(small.pixels[3]) == 190);
  CHECK(shrunk(image, 3, 1).pixels == image.pixels);
}

TEST_CASE("the page holds all of it, no address, and no text of a recipe ends it early") {
  const Folder folder;
  test::Painter painter;
  auto sweep = small_sweep();
  sweep.axes[0] = parse_sweep_axis("prompt=[\"</script><b>\", \"a & b\"]");
  Runner(sweep, {.folder = folder / "s"}, painter).run();
  const auto page = test::text_of(folder / "s/sheet.html");
  for (const char* address : {"http:", "https:", "//cdn", "url("}) CHECK(page.find(address) == page.npos);
  size_t ends = 0;
  for (size_t at = 0; (at = page.find("</script>", at)) != page.npos; ++at) ++ends;
  CHECK(ends == 2);
  CHECK(page.find("<b>") == page.npos);
  CHECK(page.find("<h1>Sweep</h1>") != page.npos);  // no prompt is that of all
  CHECK(page.find("a &amp; b") != page.npos);
  for (size_t i = 0; i < 8; ++i) CHECK(page.find(fmt::format("data-p=\"c{}\"", i)) != page.npos);
  CHECK(page.find("data:image/jpeg;base64,") != page.npos);
}

TEST_CASE("sheets are readable in size, however many cells") {
  const Folder folder;
  test::Painter painter;
  const Sweep sweep{R"({"version": 1})", {parse_sweep_axis("seed=1..700"), parse_sweep_axis("steps=1")}, ""};
  const auto report = Runner(sweep, {.folder = folder / "s"}, painter).run();
  CHECK(report.sheets.size() > 2);  // one column is cut into several sheets
  for (const auto& file : report.sheets) {
    if (file.extension() != ".png") continue;
    const auto sheet = load_image(file);
    CHECK(std::max(sheet.width, sheet.height) <= 8200);
  }
}
