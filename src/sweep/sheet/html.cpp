// The sheet of a sweep as one HTML page: small pictures inside, large ones read from the folder where they are there.

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "corepulse/image.h"

#include "io/base64.h"
#include "io/file.h"
#include "io/picture/image_format.h"
#include "sweep/sheet/html_text.h"
#include "sweep/sheet/layout.h"
#include "sweep/sheet/lettering.h"

namespace corepulse::sweep {

namespace fs = std::filesystem;

namespace {

constexpr int kLargestSide = 512, kSmallestSide = 64;
constexpr double kMostPixelsInside = 60e6;  // of all pictures: about 20 MB of JPEG

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else
      out += c;
  }
  return out;
}

/** JSON inside a script element: nothing in it ends the element. */
std::string for_script(const io::Json& json) {
  std::string out;
  for (const char c : json.dump()) out += c == '<' ? "\\u003c" : std::string(1, c);
  return out;
}

/** Those of the pages, by the names that tiles give them: "c12" of a cell, "p3" of a plain picture. */
class Pictures {
 public:
  Pictures(const Plan& plan, const Table& rows, const fs::path& folder) : plan_(plan), rows_(rows), folder_(folder) {
    const double each = kMostPixelsInside / double(std::max<size_t>(1, rows.size() + plan.plain.size()));
    side_ = std::clamp(int(std::sqrt(each)), kSmallestSide, kLargestSide);
  }

  /** "" where there is no picture yet. */
  std::string name(const Tile& tile) {
    const auto name = tile.plain  ? fmt::format("p{}", *tile.plain)
                      : tile.cell ? fmt::format("c{}", *tile.cell)
                                  : std::string();
    const auto row = tile.cell ? rows_.find(*tile.cell) : rows_.end();
    const auto file = tile.plain ? plain_name(*tile.plain) : row != rows_.end() ? picture_name(*tile.cell) : "";
    if (file.empty() || all_.contains(name)) return file.empty() ? "" : name;
    if (!io::is_there(folder_ / file)) return "";
    io::Json entry{{"file", file}, {"small", small(file)}};
    if (tile.plain) entry.update({{"title", "plain"}, {"recipe", recipe_text(plan_.plain[*tile.plain])}});
    if (!tile.plain)
      entry.update(
          {{"title", plan_.cells.title(*tile.cell)}, {"recipe", row->second.recipe}, {"numbers", facts(row->second)}});
    all_[name] = std::move(entry);
    return name;
  }

  const io::Json& all() const { return all_; }

 private:
  std::string small(const std::string& file) const {
    auto image = load_image(folder_ / file);
    const double scale = std::min(1.0, double(side_) / std::max(image.width, image.height));
    if (scale < 1) image = shrunk(image, std::max(1, int(image.width * scale)), std::max(1, int(image.height * scale)));
    return "data:image/jpeg;base64," + io::to_base64(io::encode_jpeg(image, {}));
  }

  io::Json recipe_text(const Recipe& recipe) const {
    return io::parse_json(to_json(recipe_for_folder(recipe, folder_), -1), "recipe");
  }

  static std::string facts(const Row& row) {
    auto text = fmt::format("cell {}, seed {}", row.cell, row.seed);
    if (row.plain) text += fmt::format(", difference {:.4f}, SSIM {:.4f}", row.difference, row.ssim);
    if (row.outside_ssim)
      text += fmt::format(", outside the region {:.4f}, {:.4f}", row.outside_difference.value_or(0), *row.outside_ssim);
    return text;
  }

  const Plan& plan_;
  const Table& rows_;
  const fs::path& folder_;
  int side_ = kLargestSide;
  io::Json all_ = io::Json::object();
};

std::string tile_of(const Tile& tile, const std::string& heads, const Table& rows, Pictures& pictures) {
  const auto name = pictures.name(tile);
  if (name.empty()) return "<td></td>";
  const auto label = tile.label.empty() ? heads : tile.label;
  const auto row = tile.cell ? rows.find(*tile.cell) : rows.end();
  auto text = escaped(tile.label);
  if (row != rows.end() && row->second.plain)
    text += (text.empty() ? "" : "<br>") + fmt::format("<small>{}</small>", numbers_of(row->second));
  return fmt::format("<td><button data-p=\"{}\"><img alt=\"{}\">{}</button></td>", name, escaped(label),
                     text.empty() ? "" : "<span>" + text + "</span>");
}

std::string table_of(const Page& page, const Table& rows, Pictures& pictures) {
  std::string out = "<table>\n";
  if (!page.title.empty()) out += fmt::format("<caption>{}</caption>\n", escaped(page.title));
  if (!page.columns.empty()) {
    out += "<thead><tr>";
    if (!page.rows.empty()) out += "<td></td>";
    for (const auto& label : page.columns) out += fmt::format("<th scope=\"col\">{}</th>", escaped(label));
    out += "</tr></thead>\n";
  }
  out += "<tbody>\n";
  for (size_t y = 0; y < page.tiles.size(); ++y) {
    out += "<tr>";
    if (!page.rows.empty()) out += fmt::format("<th scope=\"row\">{}</th>", escaped(page.rows[y]));
    for (size_t x = 0; x < page.tiles[y].size(); ++x) {
      const auto heads = page.rows.empty() ? "" : page.rows[y] + ", " + page.columns[x];
      out += tile_of(page.tiles[y][x], heads, rows, pictures);
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table>\n";
}

}  // namespace

std::string html_of(const Plan& plan, const std::vector<Page>& pages, const Table& rows, const fs::path& folder) {
  Pictures pictures(plan, rows, folder);
  const auto& names = plan.cells.names();
  std::string tables;
  for (const auto& page : pages) tables += table_of(page, rows, pictures);
  auto about = fmt::format("{} of {} cells", rows.size(), plan.cells.size());
  if (names.size() > 1) about += fmt::format("; down: {}, across: {}", names[0], names[1]);
  const auto title = plan.title.empty() ? "Sweep" : plan.title;
  return fmt::format(
      "{}<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<h1>{}</h1>\n<p>{}. {}</p>\n{}{}"
      "<script type=\"application/json\" id=\"pictures\">{}</script>\n<script>{}</script>\n</body>\n</html>\n",
      kHtmlHead, escaped(title), kHtmlStyle, escaped(title), escaped(about), kHtmlKeys, tables, kHtmlDialog,
      for_script(pictures.all()), kHtmlScript);
}

}  // namespace corepulse::sweep
