#include "io/picture/exif.h"

#include <algorithm>
#include <optional>

#include "io/json.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace {

using namespace std::string_view_literals;

constexpr unsigned kModel = 0x0110, kOrientation = 0x0112, kExifFolder = 0x8769, kMakerNote = 0x927C,
                   kUserComment = 0x9286;
constexpr unsigned kAscii = 2, kShort = 3, kLong = 4, kUndefined = 7;
constexpr auto kUnicode = "UNICODE\0"sv, kOurs = "corepulse\0"sv, kComfyPrompt = "prompt:"sv;

void put(std::string& out, uint64_t value, int bytes) {
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes) & 0xFF);
}

std::string to_utf16(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = next_code_point(text, i).value_or(0xFFFD);
    if (c >= 0x10000)
      put(out, 0xD7C0 + (c >> 10), 2), put(out, 0xDC00 + (c & 0x3FF), 2);
    else
      put(out, c, 2);
  }
  return out;
}

std::string from_utf16(std::string_view bytes, bool little) {
  const auto unit = [&](size_t i) -> char32_t {
    const unsigned char a = bytes[2 * i], b = bytes[2 * i + 1];
    return little ? b << 8 | a : a << 8 | b;
  };
  std::string text;
  const size_t units = bytes.size() / 2;
  for (size_t i = 0; i < units; ++i) {
    const char32_t high = unit(i);
    const bool pair = high >= 0xD800 && high < 0xDC00 && i + 1 < units && unit(i + 1) >= 0xDC00 && unit(i + 1) < 0xE000;
    append_utf8(text, pair ? 0x10000 + ((high - 0xD800) << 10) + (unit(++i) - 0xDC00) : high);
  }
  return text;
}

// Programs disagree on the byte order of UNICODE comments; ASCII characters show which half is the
// zero one.
bool is_little_utf16(std::string_view bytes) {
  size_t zeros[2] = {0, 0};
  for (size_t i = 0; i < bytes.size(); ++i) zeros[i % 2] += bytes[i] == '\0';
  return zeros[1] > zeros[0];
}

std::string decode_comment(std::string_view bytes) {
  const auto body = bytes.substr(std::min<size_t>(8, bytes.size()));
  std::string text;
  if (bytes.substr(0, 8) == kUnicode) {
    const bool marked = body.starts_with("\xff\xfe") || body.starts_with("\xfe\xff");
    text = from_utf16(body.substr(marked ? 2 : 0), marked ? body[0] == '\xff' : is_little_utf16(body));
  } else if (bytes.substr(0, 8) == "ASCII\0\0\0"sv || bytes.substr(0, 8) == "\0\0\0\0\0\0\0\0"sv) {
    if (is_utf8(body)) text = body;
  }
  text.erase(text.find_last_not_of('\0') + 1);
  return text;
}

// A TIFF structure of any byte order; every access is checked, since offsets are whatever the file
// says.
class Tiff {
 public:
  explicit Tiff(std::string_view bytes) : bytes_(bytes), little_(bytes.substr(0, 2) == "II") {}

  bool valid() const { return bytes_.substr(0, 4) == (little_ ? "II*\0"sv : "MM\0*"sv); }
  std::optional<uint32_t> number(size_t at, size_t size) const {
    if (at > bytes_.size() || bytes_.size() - at < size) return std::nullopt;
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes_[at + (little_ ? size - 1 - i : i)]);
    return value;
  }
  /** Place of the entry with this tag and type in the folder at `folder`. */
  std::optional<size_t> find(size_t folder, unsigned tag, unsigned type) const {
    const auto count = number(folder, 2);
    for (size_t i = 0; count && i < *count; ++i) {
      const size_t entry = folder + 2 + 12 * i;
      const auto found = number(entry, 2);
      if (!found) break;
      if (*found == tag && number(entry + 2, 2) == type) return entry;
    }
    return std::nullopt;
  }
  std::string_view data(size_t entry) const {
    const auto size = number(entry + 4, 4), at = number(entry + 8, 4);
    if (!size || !at || *size <= 4 || *at > bytes_.size() || *size > bytes_.size() - *at) return {};
    return bytes_.substr(*at, *size);
  }

 private:
  std::string_view bytes_;
  bool little_;
};

}  // namespace

std::string write_exif(const ImageText& text) {
  Json others = Json::object();
  std::string comment, note;
  for (const auto& [key, value] : text)
    if (key == "parameters")
      comment = std::string(kUnicode) + to_utf16(value);
    else
      others[key] = value;
  if (!others.empty()) note = std::string(kOurs) + others.dump();

  const unsigned entries = !comment.empty() + !note.empty();
  constexpr size_t exif_folder = 26;
  size_t at = exif_folder + 2 + 12 * entries + 4;
  std::string out("MM\0*", 4);
  put(out, 8, 4);
  put(out, 1, 2), put(out, kExifFolder, 2), put(out, kLong, 2), put(out, 1, 4), put(out, exif_folder, 4),
      put(out, 0, 4);
  put(out, entries, 2);
  const auto add = [&](unsigned tag, const std::string& data) {
    if (data.empty()) return;
    put(out, tag, 2), put(out, kUndefined, 2), put(out, data.size(), 4), put(out, at, 4);
    at += data.size();
  };
  add(kMakerNote, note), add(kUserComment, comment);  // tags in rising order
  put(out, 0, 4);
  return out + note + comment;
}

ImageText read_exif_text(std::string_view bytes, std::string_view file) {
  ImageText text;
  const Tiff tiff(bytes);
  if (!tiff.valid()) return text;
  const size_t root = tiff.number(4, 4).value_or(0);
  if (const auto entry = tiff.find(root, kModel, kAscii))
    if (const auto model = tiff.data(*entry); model.starts_with(kComfyPrompt) && is_utf8(model))
      text["prompt"] = model.substr(kComfyPrompt.size(), model.find('\0') - kComfyPrompt.size());
  const auto pointer = tiff.find(root, kExifFolder, kLong);
  if (!pointer) return text;
  const size_t folder = tiff.number(*pointer + 8, 4).value_or(0);
  if (const auto entry = tiff.find(folder, kMakerNote, kUndefined)) {
    auto note = tiff.data(*entry);
    if (note.substr(0, kOurs.size()) == kOurs) {
      const auto others = parse_json(note.substr(kOurs.size()), file, {.depth = 1});
      for (const auto& [key, value] : others.items())
        if (value.is_string()) text[key] = value.get<std::string>();
    }
  }
  if (const auto entry = tiff.find(folder, kUserComment, kUndefined))
    if (auto comment = decode_comment(tiff.data(*entry)); !comment.empty()) text["parameters"] = std::move(comment);
  return text;
}

int read_exif_orientation(std::string_view bytes) {
  const Tiff tiff(bytes);
  const auto entry = tiff.valid() ? tiff.find(tiff.number(4, 4).value_or(0), kOrientation, kShort) : std::nullopt;
  const uint32_t value = entry ? tiff.number(*entry + 8, 2).value_or(1) : 1;
  return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
}

Image upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const int w = image.width, h = image.height;
  const bool turned = orientation >= 5;
  Image out{turned ? h : w, turned ? w : h, std::vector<uint8_t>(image.pixels.size()),
            std::vector<uint8_t>(image.alpha.size())};
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  auto* to = out.pixels.data();
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x, to += 3) {
      const int a = turned ? y : x, b = turned ? x : y;
      const size_t column = from_right ? w - 1 - a : a, row = from_below ? h - 1 - b : b;
      std::copy_n(&image.pixels[(row * w + column) * 3], 3, to);
      if (!image.alpha.empty()) out.alpha[size_t(y) * out.width + x] = image.alpha[row * w + column];
    }
  return out;
}

}  // namespace corepulse::io
