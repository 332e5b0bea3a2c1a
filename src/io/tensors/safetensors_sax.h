#pragma once
// The JSON of a safetensors header, read strictly.

#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include "io/json_sax.h"
#include "io/tensors/tensor_view.h"

namespace corepulse::io {

/** One tensor as the header describes it. */
struct SafetensorsEntry {
  std::string name;
  TensorView view;
  uint64_t begin = 0, end = 0;  // in the data section
};

/**
 * Takes the header's JSON event by event, so that no value tree is built:
 * {"name": {"dtype": "F16", "shape": [2, 3], "data_offsets": [0, 12]}, ...,
 *  "__metadata__": {"key": "text"}}.
 * Checks form and ranges; sizes and layout are checked by whoever knows the file's length.
 */
class SafetensorsSax : public BoundedSax {
 public:
  explicit SafetensorsSax(std::string_view file) : BoundedSax("safetensors", file, ErrorCode::bad_file, 4) {}
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;

 private:
  enum class Place { start, names, metadata, tensor, dtype, shape, offsets };

  [[noreturn]] void unexpected(std::string_view what);
  bool null() override;
  bool boolean(bool) override;
  bool number_integer(number_integer_t value) override;
  bool number_float(number_float_t, const string_t& text) override;
  bool number_unsigned(number_unsigned_t value) override;
  bool string(string_t& value) override;
  bool key(string_t& name) override;
  bool start_object(size_t) override;
  bool end_object() override;
  bool start_array(size_t) override;
  bool end_array() override;

  Place place_ = Place::start;
  bool in_list_ = false;
  unsigned fields_ = 0;  // bits of the fields that the open tensor has so far
  size_t offsets_ = 0;   // how many data_offsets it has so far
  std::unordered_set<std::string> names_;
  std::string metadata_key_;
};

}  // namespace corepulse::io
