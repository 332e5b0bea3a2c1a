#include "sweep/rows.h"

#include <algorithm>
#include <fmt/format.h>
#include <span>
#include <vector>

#include "base/fail.h"
#include "io/file.h"

namespace corepulse::sweep {

namespace {

/** As RFC 4180 has it. */
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const auto& field : fields) line += (&field == &fields[0] ? "" : ",") + csv_field(field);
  return line + "\n";
}

std::string number_or_none(const std::optional<double>& value) {
  return value ? fmt::format("{:.6f}", *value) : "";
}

/** Of a column beside the axes', which keep their names. */
std::string column_name(std::string name, const std::vector<std::string>& axes) {
  while (std::find(axes.begin(), axes.end(), name) != axes.end()) name = "cell " + name;
  return name;
}

std::string csv(const Expansion& cells, const Table& rows) {
  std::vector<std::string> head{column_name("cell", cells.names())};
  head.insert(head.end(), cells.names().begin(), cells.names().end());
  for (const char* name :
       {"seed", "seconds", "difference", "ssim", "outside_difference", "outside_ssim", "picture", "plain", "recipe"})
    head.push_back(column_name(name, cells.names()));
  auto text = csv_line(head);
  for (const auto& [index, row] : rows) {
    std::vector<std::string> line{fmt::format("{}", index)};
    for (auto& label : cells.labels_of(index)) line.push_back(std::move(label));
    line.insert(line.end(),
                {fmt::format("{}", row.seed), fmt::format("{:.3f}", row.seconds), number_or_none(row.difference),
                 number_or_none(row.ssim), number_or_none(row.outside_difference), number_or_none(row.outside_ssim),
                 picture_name(index), row.plain ? plain_name(*row.plain) : "", row.recipe.dump()});
    text += csv_line(line);
  }
  return text;
}

std::string json_lines(const Expansion& cells, const Table& rows) {
  std::string text;
  for (const auto& [index, row] : rows) {
    auto json = to_entry(row);
    auto labels = io::Json::object();
    const auto own = cells.labels_of(index);
    for (size_t i = 0; i < own.size(); ++i) labels[cells.names()[i]] = own[i];
    json["labels"] = std::move(labels);
    json["values"] = cells.values_of(index);
    json["picture"] = picture_name(index);
    if (row.plain) json["plain"] = plain_name(*row.plain);
    text += json.dump() + "\n";
  }
  return text;
}

}  // namespace

io::Json to_entry(const Row& row) {
  io::Json json{{"cell", row.cell}, {"seed", row.seed},    {"seconds", row.seconds}, {"difference", row.difference},
                {"ssim", row.ssim}, {"recipe", row.recipe}};
  if (row.plain) json["plain"] = *row.plain;
  if (row.outside_difference) json["outside_difference"] = *row.outside_difference;
  if (row.outside_ssim) json["outside_ssim"] = *row.outside_ssim;
  return json;
}

Row row_of(const io::Json& entry) {
  try {
    Row row{entry.at("cell").get<size_t>(),
            entry.at("seed").get<uint64_t>(),
            entry.at("seconds").get<double>(),
            {},
            entry.at("difference").get<double>(),
            entry.at("ssim").get<double>(),
            {},
            {},
            entry.at("recipe")};
    if (entry.contains("plain")) row.plain = entry["plain"].get<size_t>();
    if (entry.contains("outside_difference")) row.outside_difference = entry["outside_difference"].get<double>();
    if (entry.contains("outside_ssim")) row.outside_ssim = entry["outside_ssim"].get<double>();
    return row;
  } catch (const io::Json::exception& error) {
    fail(ErrorCode::bad_file, "journal", fmt::format("an entry is no row of a sweep: {}", error.what()));
  }
}

std::string picture_name(size_t cell) {
  return fmt::format("cells/{:06}.png", cell);
}

std::string plain_name(size_t number) {
  return fmt::format("plain/{:06}.png", number);
}

std::filesystem::path write_tables(const Expansion& cells, const Table& rows, const std::filesystem::path& folder) {
  const auto write = [&](const char* name, const std::string& text) {
    io::write_file(folder / name, std::as_bytes(std::span(text)));
    return folder / name;
  };
  write("cells.jsonl", json_lines(cells, rows));
  return write("cells.csv", csv(cells, rows));
}

}  // namespace corepulse::sweep
