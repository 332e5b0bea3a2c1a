#pragma once
// A tiny model's folder to be changed.

#include <cstring>

#include "../io/support.h"
#include "io/file.h"
#include "io/tensors/safetensors.h"
#include "support.h"

namespace corepulse::test {

class ModelCopy {
 public:
  explicit ModelCopy(const std::string& family) {
    fs::copy(tiny_folder(family), folder_ / "model", fs::copy_options::recursive);
  }
  std::string path() const { return (folder_ / "model").string(); }

  void write(const std::string& file, const io::Json& json) const { put(folder_ / ("model/" + file), json.dump()); }
  io::Json read(const std::string& file) const { return io::read_json(folder_ / ("model/" + file)); }

  /** The first float16 number of a tensor becomes this one. */
  void spoil(const std::string& file, const std::string& tensor, uint16_t bits) const {
    const auto path = folder_ / ("model/" + file);
    size_t place = 0;
    {
      const auto opened = io::open_safetensors(path);
      place = opened.tensors.at(tensor).data - opened.mapping->bytes().data();
    }
    auto bytes = get(path);
    std::memcpy(bytes.data() + place, &bits, 2);
    put(path, bytes);
  }

 private:
  Folder folder_;
};

}  // namespace corepulse::test
